"""The core behind AXI4-Stream ports, with sources and sinks that are not ours (cocotbext-axi)."""

from types import SimpleNamespace

import cocotb
import numpy as np
from cocotbext.axi import AxiStreamBus, AxiStreamSink, AxiStreamSource

from dstc.formats import encode
from dstc.golden import matmul
from dstc.isa import ErrorCode, Instruction
from dstc.isa import encode as word
from dstc.program import MODES, gemm_job
from dstc.skiprule import ohmma_counts
from dstc.workloads import random_accumulators, random_matrix
from tb.lib.bench import bench_test
from tb.lib.streams import StreamRules

BINS = ("issue", "conflict", "operand_wait", "drain", "idle")
INPUTS = ("s_axis_instr", "s_axis_a", "s_axis_b", "s_axis_c")
OUTPUT = "m_axis_d"
PRODUCTS = {True: 2, False: 8}      # four-state or not


class Streams:
    """cocotbext-axi on every stream, each with a pause generator, and the rules of all of them.

    To be made after reset: cocotbext-axi refuses outputs that are not known yet.
    """

    def __init__(self, bench):
        self.bench, dut = bench, bench.dut
        self.sources = {name: AxiStreamSource(AxiStreamBus.from_prefix(dut, name), dut.clk)
                        for name in INPUTS}
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, OUTPUT), dut.clk)
        self.pause = dict.fromkeys((*INPUTS, OUTPUT), 0.0)
        for name, end in (*self.sources.items(), (OUTPUT, self.sink)):
            end.log.setLevel("WARNING")
            end.set_pause_generator(self._pauses(name))
        # The rules see data and tlast as the payloads of two streams with one handshake.
        for name in (*INPUTS, OUTPUT):
            for part in ("tdata", "tlast"):
                if hasattr(dut, f"{name}_{part}"):
                    cocotb.start_soon(self._watch(StreamRules(SimpleNamespace(**{
                        f"{name}__valid": getattr(dut, f"{name}_tvalid"),
                        f"{name}__ready": getattr(dut, f"{name}_tready"),
                        f"{name}__payload": getattr(dut, f"{name}_{part}")}), name)))

    def _pauses(self, name):
        while True:
            yield self.bench.rng.random() < self.pause[name]

    async def _watch(self, rules):
        while True:
            await self.bench.tick()
            if not self.bench.in_reset:
                rules.sample()

    def send(self, job):
        """Queue a job; each tile record is a frame, ended by its TLAST."""
        self.sources["s_axis_instr"].send_nowait(job.words.astype("<u8").tobytes())
        if len(job.c_data):
            self.sources["s_axis_c"].send_nowait(job.c_data.tobytes())
        for side, data, last in (("a", job.a_data, job.a_last), ("b", job.b_data, job.b_last)):
            for record in np.split(data, np.flatnonzero(last) + 1)[:-1]:
                self.sources[f"s_axis_{side}"].send_nowait(record.tobytes())

    def frames(self):
        """Everything that came out since the last call: one frame per result tile."""
        found = []
        while not self.sink.empty():
            found.append(bytes(self.sink.recv_nowait().tdata))
        return found


async def stopped(bench, flag, limit=20_000):
    """Wait for ``halted`` or ``error``, then until the counters are final."""
    await bench.until(lambda: bench.get(flag), flag, limit)
    await bench.tick(4)


async def product(bench, streams, mode):
    """A random product, bit for bit, and its counts."""
    config = bench.config
    rng = np.random.default_rng(bench.rng.getrandbits(64))
    m, n, k = (int(rng.integers(1, 2 * size + 1))
               for size in (config.tile_m, config.tile_n, 2 * config.tile_k))
    a = random_matrix((m, k), rng.choice((.1, .5, 1)), config.element, rng)
    b = random_matrix((k, n), rng.choice((.1, .5, 1)), config.element, rng)
    c = random_accumulators((m, n), config.element, rng)
    encoded = encode(a, "A", config), encode(b, "B", config)
    job = gemm_job(*encoded, c, config=config, mode=mode)
    streams.send(job)
    await stopped(bench, "halted")
    assert (bench.get("busy"), bench.get("error"), bench.get("error_code")) == (0, 0, 0)
    assert bench.get("error_address") == len(job.words) - 1
    assert all(source.idle() for source in streams.sources.values()), "every beat is taken"
    size = config.c_beat_bits // 8
    frames = streams.frames()
    assert {len(frame) for frame in frames} == {size * config.c_beats}
    got = job.assemble(np.frombuffer(b"".join(frames), np.uint8).reshape(-1, size))
    assert np.array_equal(got.view(np.uint32), matmul(a, b, c).view(np.uint32))
    counts = ohmma_counts(*encoded, config)
    assert bench.get("counter_products") == counts.products
    assert bench.get("counter_ohmma") == bench.get("counter_issue") == (
        counts.executed if mode == "sparse" else counts.dense)


@bench_test
async def products(bench):
    """Several products in a row, every stream pausing on its own."""
    await bench.start()
    streams = Streams(bench)
    for n in range(PRODUCTS[bench.four_state]):
        for name in streams.pause:
            streams.pause[name] = bench.rng.choice((0, .1, .5, .9)) if n else 0
        await product(bench, streams, MODES[n % 2])
        assert sum(bench.get(f"counter_{name}") for name in BINS) > 0
        bench.set("resume", 1)
        await bench.tick()
        bench.set("resume", 0)
        await bench.tick()
        assert not bench.get("halted") and not bench.get("counter_products")


@bench_test
async def errors(bench):
    """An unknown opcode stops the core; code and address say why and where."""
    await bench.start()
    streams = Streams(bench)
    barrier = word(Instruction.of("BARRIER"), bench.config)
    words = np.array([barrier, barrier, 0x7F], "<u8")
    streams.sources["s_axis_instr"].send_nowait(words.tobytes())
    await stopped(bench, "error")
    assert (bench.get("busy"), bench.get("halted")) == (0, 0)
    assert bench.get("error_code") == ErrorCode.ILLEGAL_OPCODE
    assert bench.get("error_address") == 2
