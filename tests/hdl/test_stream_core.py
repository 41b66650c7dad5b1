# amaranth: UnusedElaboratable=no
"""The core behind AXI4-Stream ports: every port carries what the core's own carries."""

from types import SimpleNamespace

import numpy as np
import pytest
from amaranth.hdl import Cat
from dispatcher_model import word
from unit_bench import CONFIGS, Bench

from dstc.formats import encode
from dstc.golden import matmul
from dstc.isa import ErrorCode
from dstc.program import gemm_job
from dstc.skiprule import ohmma_counts
from dstc.workloads import random_accumulators, random_matrix
from dstc_hdl.stream_core import StreamCore

BINS = ("issue", "conflict", "operand_wait", "drain", "idle")
COUNTERS = (*BINS, "ohmma", "products")
STATUS = ("busy", "halted", "error", "error_code", "error_address")
STREAMS = {"instr": "s_axis_instr", "a": "s_axis_a", "b": "s_axis_b", "c": "s_axis_c",
           "d": "m_axis_d"}


class AxisBench:
    """A core in whose streams ``tlast``, where there is one, is the top bit of the token."""

    def __init__(self, config, p):
        self.config, self.dut = config, StreamCore(config)
        self.bench = Bench(self.dut, seed=3)
        for name, prefix in STREAMS.items():
            data, valid, ready = (getattr(self.dut, f"{prefix}_t{part}")
                                  for part in ("data", "valid", "ready"))
            if name in "abd":
                data = Cat(data, getattr(self.dut, f"{prefix}_tlast"))
            setattr(self.dut, name, SimpleNamespace(payload=data, valid=valid, ready=ready))
        self.inputs = {name: self.bench.drive(name, p=p) for name in ("instr", "a", "b", "c")}
        self.d = self.bench.take("d", p)
        self.seen, self.resume_in = None, -2
        self.bench.before(self._pulse)
        self.bench.after(self._look, *STATUS, *(f"counter_{name}" for name in COUNTERS))

    def _pulse(self, ctx, cycle):
        ctx.set(self.dut.resume, cycle == self.resume_in)

    def _look(self, cycle, *values):
        self.seen = dict(zip((*STATUS, *COUNTERS), values, strict=True))

    def run_for(self, cycles):
        end = self.bench.cycle + cycles
        self.bench.run(lambda: self.bench.cycle == end, cycles + 1)

    def run(self, **tokens):
        """Feed streams; until the core stops, and until its counters are final."""
        for name, values in tokens.items():
            self.inputs[name].queue.extend(values)
        self.bench.run(lambda: self.seen and (self.seen["halted"] or self.seen["error"]), 5000)
        self.run_for(4)

    def resume(self):
        self.resume_in = self.bench.cycle
        self.run_for(2)


def words_of(beats, last=None):
    width = 8 * beats.shape[1]
    ends = [0] * len(beats) if last is None else last
    return [int.from_bytes(row.tobytes(), "little") | int(end) << width
            for row, end in zip(beats, ends, strict=True)]


@pytest.mark.parametrize("p", [1, .5])
def test_products(p):
    """Two products with C in a row: results, tlast, status and counters."""
    config = CONFIGS["tiny"]
    bench = AxisBench(config, p)
    rng = np.random.default_rng(8)
    for m, n, k in ((11, 7, 9), (3, 10, 5)):
        a = random_matrix((m, k), .5, config.element, rng)
        b = random_matrix((k, n), .4, config.element, rng)
        c = random_accumulators((m, n), config.element, rng)
        encoded = encode(a, "A", config), encode(b, "B", config)
        job = gemm_job(*encoded, c, config=config)
        sent = len(bench.d.tokens)
        bench.run(instr=job.words.tolist(), a=words_of(job.a_data, job.a_last),
                  b=words_of(job.b_data, job.b_last), c=words_of(job.c_data))
        beats = bench.d.tokens[sent:]
        assert [beat >> config.c_beat_bits for beat in beats] == [
            (n + 1) % config.c_beats == 0 for n in range(job.d_beats)]
        size = config.c_beat_bits // 8
        data = b"".join((beat % (1 << 8 * size)).to_bytes(size, "little") for beat in beats)
        got = job.assemble(np.frombuffer(data, np.uint8).reshape(-1, size))
        assert np.array_equal(got.view(np.uint32), matmul(a, b, c).view(np.uint32))
        counts, seen = ohmma_counts(*encoded, config), bench.seen
        assert {name: seen[name] for name in STATUS} == {
            "busy": 0, "halted": 1, "error": 0, "error_code": 0,
            "error_address": len(job.words) - 1}
        assert (seen["ohmma"], seen["issue"], seen["products"]) == (
            counts.executed, counts.executed, counts.products)
        assert seen["operand_wait"] and seen["drain"] and seen["idle"]
        bench.resume()
        assert not any(bench.seen.values())


def test_errors():
    bench = AxisBench(CONFIGS["tiny"], 1)
    bench.run(instr=[word("STC", acc=0), word("BARRIER"), 0x7F])
    assert bench.seen["error"] and not bench.seen["halted"] and not bench.seen["busy"]
    assert bench.seen["error_code"] == ErrorCode.ILLEGAL_OPCODE
    assert bench.seen["error_address"] == 2


@pytest.mark.parametrize("name", CONFIGS)
def test_ports(name):
    """Whole bytes, and no name that the standard does not know."""
    config = CONFIGS[name]
    dut = StreamCore(config)
    widths = {"_".join(path): len(value) for path, _, value in dut.signature.flatten(dut)}
    streams = {port: bits for port, bits in widths.items() if "_axis_" in port}
    data = {port.removesuffix("_tdata"): bits for port, bits in streams.items()
            if port.endswith("_tdata")}
    assert data == {"s_axis_instr": 64, "s_axis_a": config.a_beat_bits,
                    "s_axis_b": config.b_beat_bits, "s_axis_c": config.c_beat_bits,
                    "m_axis_d": config.c_beat_bits}
    assert not any(bits % 8 for bits in data.values())
    assert set(streams) == {f"{prefix}_t{part}" for prefix in data
                            for part in ("data", "valid", "ready")} | {
        f"{prefix}_tlast" for prefix in ("s_axis_a", "s_axis_b", "m_axis_d")}
