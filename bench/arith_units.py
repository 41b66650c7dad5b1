"""The units of arith_exhaustive.py: lanes of one unit, compiled with its operands and oracle."""

import ctypes
from pathlib import Path

import numpy as np
from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from dstc.elements import ELEMENTS
from dstc_hdl.arith import Fp32Adder, FpMultiplier, Int32Adder, IntMultiplier
from dstc_hdl.emit import emit
from dstc_sim.verilator.build import build_model

__all__ = ["EXAMPLES", "Lanes", "Result", "UnitModel", "make_unit", "operand_values"]

# One evaluation of a verilated model costs as much as several of these units.
LANES = 8
EXAMPLES = 10
WORD = ctypes.c_uint64


class Lanes(wiring.Component):
    """Copies of a unit beside each other.

    Members
    -------
    a0, b0, a1, ... : ``In``
    o0, o1, ... : ``Out(32)``
    """

    def __init__(self, units):
        self._units = units
        ports = {}
        for n, unit in enumerate(units):
            ports |= {f"a{n}": In(len(unit.a)), f"b{n}": In(len(unit.b)), f"o{n}": Out(32)}
        super().__init__(ports)

    def elaborate(self, platform):
        m = Module()
        for n, unit in enumerate(self._units):
            m.submodules[f"lane_{n}"] = unit
            m.d.comb += [unit.a.eq(getattr(self, f"a{n}")), unit.b.eq(getattr(self, f"b{n}")),
                         getattr(self, f"o{n}").eq(unit.o)]
        return m


def make_unit(name: str, latency: int):
    """The multiplier of an element format, or the adder of an accumulator format."""
    if name in ELEMENTS:
        layout = ELEMENTS[name].layout
        return FpMultiplier(latency, layout) if layout else IntMultiplier(latency)
    return {"fp32": Fp32Adder, "int32": Int32Adder}[name](latency)


def operand_values(dtype) -> np.ndarray:
    """What every code of an element type stands for, as bits of binary32 or of int32."""
    dtype = np.dtype(dtype)
    codes = np.arange(1 << 8 * dtype.itemsize).astype(f"<u{dtype.itemsize}").view(dtype)
    wide = np.int32 if dtype.kind == "i" else np.float32
    return codes.astype(wide).view(np.uint32)


class _Example(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in ("a", "b", "got", "want"))


class Result(ctypes.Structure):
    """The harness's struct Result."""

    _fields_ = (("pairs", WORD), ("wrong", WORD), ("examples", _Example * EXAMPLES))


class UnitModel:
    """A unit compiled by Verilator together with arith_exhaustive.cpp.

    Every call makes a model of its own and may run beside others.
    """

    def __init__(self, name: str, latency: int) -> None:
        units = [make_unit(name, latency) for _ in range(LANES)]
        self.unit, self.name = units[0], name
        self.emitted = emit(Lanes(units), f"{name}_lanes")
        defines = {
            "LATENCY": latency, "FLOAT": int(name != "int8" and name != "int32"),
            "SUM": int(name not in ELEMENTS), "LANES": LANES,
            "EACH_LANE(X)": " ".join(f"X({n})" for n in range(LANES)),
        }
        harness = "".join(f"#define {key} {value}\n" for key, value in defines.items())
        harness += Path(__file__).with_name("arith_exhaustive.cpp").read_text(encoding="utf-8")
        self._library = ctypes.CDLL(str(build_model(self.emitted, harness)))

    def products(self, values: np.ndarray, first: int, last: int, step: int) -> Result:
        """First operands from ``first``, every ``step``, below ``last``, with every second one."""
        result = self._result()
        self._library.arith_products(_pointer(values), ctypes.c_uint32(first),
                                     ctypes.c_uint32(last), ctypes.c_uint32(step),
                                     ctypes.c_uint32(len(values)), ctypes.byref(result))
        return result

    def sums(self, number: int, seed: int, start: int, count: int) -> Result:
        """Pairs of a set, by its number in the harness."""
        result = self._result()
        self._library.arith_sums(ctypes.c_uint32(number), WORD(seed), WORD(start), WORD(count),
                                 ctypes.byref(result))
        return result

    def _result(self) -> Result:
        # A library may have changed how this thread computes.
        if not self._library.arith_host_conforms():
            raise RuntimeError("Host must round to nearest and keep subnormal numbers")
        return Result()

    def draw(self, number: int, seed: int, start: int, count: int) -> tuple:
        """The operands of :meth:`sums`."""
        a, b = np.zeros((2, count), np.uint32)
        self._library.arith_draw(ctypes.c_uint32(number), WORD(seed), WORD(start), WORD(count),
                                 _pointer(a), _pointer(b))
        return a, b

    def answers(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Results of the unit for given operands."""
        a, b = (np.ascontiguousarray(side, np.uint32) for side in (a, b))
        o = np.zeros(len(a), np.uint32)
        self._library.arith_answers(_pointer(a), _pointer(b), WORD(len(a)), _pointer(o))
        return o


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
