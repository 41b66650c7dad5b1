"""Bulk vectors through a component: arrays in, arrays out, one vector per cycle.

Any component whose ports can be driven freely in every cycle will do: combinational logic, or a
pipeline that takes a vector per cycle and gives its result a fixed number of cycles later.

>>> from dstc_hdl.emit import emit
>>> model = VectorModel(emit(multiplier, "multiplier"))          # doctest: +SKIP
>>> out = model.run({"a": a, "b": b}, latency=3, hold={"en": 1})  # doctest: +SKIP
>>> out["o"]                                                      # doctest: +SKIP

Ports are named as in the Verilog (a stream's payload is ``i__payload``).  A port of up to 64 bits
takes and gives a one-dimensional unsigned array whose items have :func:`port_dtype`; a wider one
an array ``uint32[vectors, words]``, least significant word first.  Result n is what the output
shows in cycle ``n + latency`` before the clock edge, so 0 is combinational logic and 1 a component
with a register at its output.  Tens of millions of vectors per second for an arithmetic unit.
"""

import ctypes
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dstc_hdl.emit import Emitted

from ..runs import SimulationError
from .build import build_model, storage_bytes

__all__ = ["VectorModel", "port_dtype"]

HARNESS = """\
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include "Vtop.h"
#include "verilated.h"

void vl_fatal(const char*, int, const char*, const char* message) {{
    throw std::runtime_error(message);
}}

struct Model {{
    VerilatedContext context;
    Vtop top{{&context}};
}};

static void edge(Vtop& top) {{
{edge}
}}

#pragma GCC visibility push(default)
extern "C" {{

void* vectors_new() {{ return new Model; }}
void vectors_delete(void* model) {{ delete static_cast<Model*>(model); }}

void vectors_reset(void* model) {{
    Vtop& top = static_cast<Model*>(model)->top;
{reset}
}}

// Ports in the order of the manifest; a null pointer leaves the port as it is.
void vectors_run(void* model, uint64_t count, uint64_t latency, const uint8_t* const* in,
                 uint8_t* const* out) {{
    Vtop& top = static_cast<Model*>(model)->top;
    for (uint64_t n = 0; n < count + latency; ++n) {{
        if (n < count) {{
{drive}
        }}
        top.eval();
        if (n >= latency) {{
            const uint64_t m = n - latency;
{sample}
        }}
        edge(top);
    }}
}}

}}
"""


def port_dtype(width: int) -> np.dtype:
    """Type of the array items of a port: the least unsigned one that holds it, or words."""
    size = storage_bytes(width)
    return np.dtype(f"<u{size}" if size <= 8 and width <= 64 else "<u4")


def _members(ports: Mapping[str, int]) -> list[tuple[str, int]]:
    """Members of the verilated class, which spells a double underscore so, and their sizes."""
    return [(name.replace("__", "___05F"), storage_bytes(width)) for name, width in ports.items()]


class VectorModel:
    """A component compiled by Verilator for streams of independent vectors.

    Parameters
    ----------
    emitted : Emitted
        The component, with ``clk`` and ``rst`` or without.

    Raises
    ------
    SimulationError
        If the model cannot be built.
    """

    def __init__(self, emitted: Emitted) -> None:
        names = {port["name"] for port in emitted.ports()}
        self._inputs = {port["name"]: port["width"] for port in emitted.ports("input")
                        if port["name"] not in ("clk", "rst")}
        self._outputs = {port["name"]: port["width"] for port in emitted.ports("output")}
        self._library = ctypes.CDLL(str(build_model(emitted, self._harness(names))))
        self._library.vectors_new.restype = ctypes.c_void_p
        for function in ("vectors_delete", "vectors_reset"):
            getattr(self._library, function).argtypes = (ctypes.c_void_p,)
        self._library.vectors_run.argtypes = (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64,
                                              ctypes.c_void_p, ctypes.c_void_p)

    def _harness(self, names: set[str]) -> str:
        edge = ["top.clk = 1;", "top.eval();", "top.clk = 0;"] if "clk" in names else []
        reset = ["top.rst = 1;", "top.eval();", "edge(top);", "top.rst = 0;"]
        drive = [f"if (in[{n}]) std::memcpy(&top.{port}, in[{n}] + n * {size}, {size});"
                 for n, (port, size) in enumerate(_members(self._inputs))]
        sample = [f"if (out[{n}]) std::memcpy(out[{n}] + m * {size}, &top.{port}, {size});"
                  for n, (port, size) in enumerate(_members(self._outputs))]

        def block(lines: list[str], indent: int) -> str:
            return "\n".join(" " * indent + line for line in lines)

        return HARNESS.format(edge=block(edge, 4), reset=block(reset if "rst" in names else [], 4),
                              drive=block(drive, 12), sample=block(sample, 12))

    def run(self, inputs: Mapping[str, ArrayLike], *, latency: int = 0,
            hold: Mapping[str, int] | None = None) -> dict[str, NDArray]:
        """Reset the component and put the vectors through.

        Parameters
        ----------
        inputs : mapping
            Port to array; all of one length.
        latency : int
            Cycles from a vector to its result.
        hold : mapping, optional
            Port to a value that it keeps; ports in neither are 0.

        Returns
        -------
        dict
            Every output port to its array.

        Raises
        ------
        SimulationError
            If a port does not exist, or an array does not fit its port or the others.
        """
        arrays = {name: self._array(name, values) for name, values in inputs.items()}
        if len({len(array) for array in arrays.values()}) != 1:
            raise SimulationError("Vector inputs must be arrays of one length, not "
                                  f"{ {name: len(array) for name, array in arrays.items()} }")
        count = len(next(iter(arrays.values())))
        held = dict.fromkeys(self._inputs, 0) | dict(hold or {})
        constants = {name: self._constant(name, value) for name, value in held.items()}
        results = {name: self._empty(width, count) for name, width in self._outputs.items()}
        model = self._library.vectors_new()
        try:
            self._library.vectors_run(model, 1, 0, self._pointers(self._inputs, constants),
                                      self._pointers(self._outputs, {}))
            self._library.vectors_reset(model)
            self._library.vectors_run(model, count, latency,
                                      self._pointers(self._inputs, arrays),
                                      self._pointers(self._outputs, results))
        finally:
            self._library.vectors_delete(model)
        return results

    def _array(self, name: str, values: ArrayLike) -> NDArray:
        width = self._width(name)
        given = np.asarray(values)
        dtype = port_dtype(width)
        if given.dtype.kind not in "ui" or given.dtype.itemsize > dtype.itemsize:
            raise SimulationError(f"Vectors of {name} must be {dtype.name}, not {given.dtype.name}")
        array = np.ascontiguousarray(given.astype(dtype, copy=False))
        if array.shape[1:] != self._empty(width, 1).shape[1:]:
            raise SimulationError(f"Vectors of {name} must be of shape "
                                  f"{self._empty(width, len(array)).shape}, not {array.shape}")
        spare = 8 * array.nbytes // max(len(array), 1) - width
        top = array[..., -1] if array.ndim > 1 else array
        if spare and len(array) and int(top.max()) >> (8 * dtype.itemsize - spare):
            raise SimulationError(f"Vectors of {name} must fit {width} bits")
        return array

    def _constant(self, name: str, value: int) -> NDArray:
        width = self._width(name)
        if not 0 <= value < 1 << width:
            raise SimulationError(f"Value of {name} must fit {width} bits, not {value}")
        return np.frombuffer(value.to_bytes(storage_bytes(width), "little"), np.uint8)

    def _width(self, name: str) -> int:
        if name not in self._inputs:
            raise SimulationError(f"Input port must be one of {', '.join(self._inputs)}, "
                                  f"not {name!r}")
        return int(self._inputs[name])

    @staticmethod
    def _empty(width: int, count: int) -> NDArray:
        words = storage_bytes(width) // port_dtype(width).itemsize
        return np.zeros((count, words) if width > 64 else count, port_dtype(width))

    @staticmethod
    def _pointers(ports: Mapping[str, int], arrays: Mapping[str, NDArray]) -> ctypes.Array:
        return (ctypes.c_void_p * max(len(ports), 1))(
            *(arrays[name].ctypes.data if name in arrays else None for name in ports))
