"""Bulk vectors through verilated components."""

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from dstc_hdl.emit import emit
from dstc_sim.runs import SimulationError
from dstc_sim.verilator import VectorModel
from dstc_sim.verilator.vectors import port_dtype


class Delayed(wiring.Component):
    """``total`` is ``a + b`` and ``wide`` is ``w`` rotated by 32, both after ``stages`` cycles."""

    def __init__(self, stages):
        self._stages = stages
        super().__init__({"a": In(13), "b": In(40), "w": In(100), "en": In(1), "total": Out(41),
                          "wide": Out(100)})

    def elaborate(self, platform):
        m = Module()
        total, wide = self.a + self.b, self.w.rotate_left(32)
        for n in range(self._stages):
            stage = Signal(41, name=f"total_{n}"), Signal(100, name=f"wide_{n}")
            with m.If(self.en):
                m.d.sync += [stage[0].eq(total), stage[1].eq(wide)]
            total, wide = stage
        m.d.comb += [self.total.eq(total), self.wide.eq(wide)]
        return m


@pytest.fixture(scope="module")
def delayed():
    return VectorModel(emit(Delayed(2), "delayed"))


def vectors(count, seed=9):
    rng = np.random.default_rng(seed)
    w = rng.integers(0, 1 << 32, (count, 4), np.uint32)
    w[:, 3] &= 15
    return {"a": rng.integers(0, 1 << 13, count, np.uint16),
            "b": rng.integers(0, 1 << 40, count, np.uint64), "w": w}


def check(out, given):
    assert out["total"].tolist() == (given["a"] + given["b"]).tolist()
    words = given["w"].astype(object)
    values = [int(w[0]) | int(w[1]) << 32 | int(w[2]) << 64 | int(w[3]) << 96 for w in words]
    turned = [(v << 32 | v >> 68) & (1 << 100) - 1 for v in values]
    got = [sum(int(word) << 32 * n for n, word in enumerate(row)) for row in out["wide"]]
    assert got == turned


def test_pipeline(delayed):
    given = vectors(1000)
    check(delayed.run(given, latency=2, hold={"en": 1}), given)


def test_combinational():
    given = vectors(1000)
    check(VectorModel(emit(Delayed(0), "delayed")).run(given), given)


def test_wrong_latency_and_lacking_enable_are_seen(delayed):
    given = vectors(50)
    with pytest.raises(AssertionError):
        check(delayed.run(given, latency=1, hold={"en": 1}), given)
    assert not delayed.run(given, latency=2)["total"].any()


def test_runs_start_from_reset(delayed):
    first = delayed.run(vectors(5, seed=1), latency=2, hold={"en": 1})
    again = delayed.run(vectors(5, seed=1), latency=2, hold={"en": 1})
    assert np.array_equal(first["total"], again["total"])
    assert delayed.run({"a": np.zeros(1, np.uint16)})["total"].tolist() == [0]


@pytest.mark.parametrize("width, name", [(1, "uint8"), (8, "uint8"), (9, "uint16"), (17, "uint32"),
                                         (33, "uint64"), (64, "uint64"), (65, "uint32")])
def test_port_types(width, name):
    assert port_dtype(width).name == name


@pytest.mark.parametrize("inputs, message", [
    ({"x": [1]}, r"^Input port must be one of a, b, w, en, not 'x'$"),
    ({"a": np.array([1 << 13], np.uint16)}, r"^Vectors of a must fit 13 bits$"),
    ({"w": np.full((1, 4), 1 << 4, np.uint32)}, r"^Vectors of w must fit 100 bits$"),
    ({"a": np.array([1.0])}, r"^Vectors of a must be uint16, not float64$"),
    ({"a": np.array([1], np.uint64)}, r"^Vectors of a must be uint16, not uint64$"),
    ({"w": np.zeros((2, 3), np.uint32)}, r"^Vectors of w must be of shape \(2, 4\), not \(2, 3\)$"),
    ({"a": np.zeros(2, np.uint16), "b": np.zeros(3, np.uint64)},
     r"^Vector inputs must be arrays of one length, not \{'a': 2, 'b': 3\}$"),
])
def test_wrong_vectors(delayed, inputs, message):
    with pytest.raises(SimulationError, match=message):
        delayed.run(inputs)


def test_wrong_constant(delayed):
    with pytest.raises(SimulationError, match=r"^Value of en must fit 1 bits, not 2$"):
        delayed.run({"a": np.zeros(1, np.uint16)}, hold={"en": 2})
