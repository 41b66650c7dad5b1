"""The memory and the rules of the accelerator's benches, on a small master with seeded faults."""

import itertools
from random import Random

import cocotb

from dstc.accelerator.parameters import AcceleratorConfig
from tb.lib.axi_checker import MEMORY_CHANNELS, MemoryRules, watch
from tb.lib.axi_copier import BEATS, SOURCE, STRIDE, TARGET, Fault
from tb.lib.axi_memory import UnorderedMemory
from tb.lib.bench import bench_test

SIZE = 0x4000
MESSAGES = {
    Fault.VALID_FALLS: "valid must be kept until taken",
    Fault.ADDRESS_CHANGES: "must be kept until taken",
    Fault.CROSSES: "must not cross a multiple of 256",
    Fault.LAST_EARLY: "m_axi_wlast must be on beat 8",
    Fault.LAST_MISSING: "m_axi_wlast must be on beat 8",
    Fault.DATA_CHANGES: "m_axi_w must be kept until taken",
    Fault.FOREIGN_ID: "id must be of a reader",
    Fault.NOT_READY: "m_axi_rready must always be 1",
    Fault.OUTSIDE: "must stay in the window",
    Fault.FIXED_BURST: "burst must be 1",
    Fault.NARROW: "size must be 3",
}


class CopyBench:
    """A copier, a memory with random contents, and the rules.

    Attributes
    ----------
    broken : str or None
        The first rule that was broken since :meth:`start`.
    seen : dict
        Of ``r`` and ``b``: id and response of each answer since then.
    """

    def __init__(self, bench):
        self.bench = bench
        self.memory = None
        self.broken, self.seen = None, {}

    async def start(self, fault=Fault.NONE, stall=0.3):
        """Reset everything and begin a copy."""
        self.rules = MemoryRules(AcceleratorConfig(core=self.bench.config, cores=2, data_bits=64),
                                 (SOURCE, SIZE - 1))
        if self.memory is None:
            await self.bench.start(fault=fault.value)
            self.memory = UnorderedMemory(self.bench.dut,
                                          Random(self.bench.rng.getrandbits(64)), SIZE)
            self.memory.memory.write(0, self.bench.rng.randbytes(SIZE))
            self.memory.mixing, self.memory.latency = 0.5, (0, 20)
            cocotb.start_soon(self._watch())
        else:
            self.bench.dut.fault.value = fault.value
            await self.bench.reset()
        self.memory.stall(stall, 3)
        self.broken, self.seen = None, {"r": [], "b": []}

    async def _watch(self):
        while True:
            try:
                await watch(self.bench, "m_axi_", MEMORY_CHANNELS, self)
            except AssertionError as error:
                self.broken = self.broken or str(error)

    def cycle(self, samples, reset):
        """One cycle, to the rules."""
        for name, seen in self.seen.items():
            valid, ready, fields = samples[name]
            if not reset and valid and ready:
                seen.append((fields["id"], fields["resp"]))
        self.rules.cycle(samples, reset)

    async def finish(self):
        await self.bench.until(lambda: str(self.bench.dut.done.value) == "1", "the copy")
        await self.bench.tick(2)
        assert self.broken is None, self.broken
        assert (self.rules.outstanding, self.rules.read_beats, self.rules.write_beats) == (
            0, 4 * BEATS, 4 * BEATS)


@bench_test
async def copies(bench):
    """Four bursts, read and written in any order: every byte is there, no rule is broken."""
    copy = CopyBench(bench)
    await copy.start()
    read = [copy.memory.memory.read(SOURCE + n * STRIDE, 8 * BEATS) for n in range(4)]
    await copy.finish()
    for n, data in enumerate(read):
        assert copy.memory.memory.read(TARGET + n * STRIDE, 8 * BEATS) == data


@bench_test
async def answers_come_in_any_order(bench):
    """The memory overtakes and interleaves: otherwise nothing that runs on it is tested for it."""
    copy = CopyBench(bench)
    firsts, changes = {"r": set(), "b": set()}, 0
    for _ in range(8):
        await copy.start(stall=0)
        await copy.finish()
        order = [ident for ident, _ in copy.seen["r"]]
        changes += sum(a != b for a, b in itertools.pairwise(order))
        for name, seen in firsts.items():
            seen.add(copy.seen[name][0][0])
    assert len(firsts["r"]) > 1 and len(firsts["b"]) == 2, firsts
    assert changes > 8 * 6      # one after the other there were 3 in each copy


@bench_test
async def errors_are_answered(bench):
    """The chosen beat and the chosen burst get their response, all others OKAY."""
    copy = CopyBench(bench)
    await copy.start()
    copy.memory.fail_read = lambda ident, address: 2 if address == SOURCE + STRIDE + 16 else 0
    copy.memory.fail_write = lambda ident, address: 3 if address == TARGET + STRIDE else 0
    before = copy.memory.memory.read(TARGET + STRIDE, 8 * BEATS)
    await copy.finish()
    assert sorted(resp for _, resp in copy.seen["r"]) == [0] * (4 * BEATS - 1) + [2]
    assert sorted(resp for _, resp in copy.seen["b"]) == [0, 0, 0, 3]
    assert copy.memory.memory.read(TARGET + STRIDE, 8 * BEATS) == before


@bench_test
async def seeded_faults_are_seen(bench):
    """Every fault breaks its rule, seen at the pins."""
    copy = CopyBench(bench)
    for fault in Fault:
        if fault == Fault.NONE:
            continue
        await copy.start(fault, stall=0.5)
        for _ in range(400):
            if copy.broken:
                break
            await bench.tick()
        assert copy.broken and MESSAGES[fault] in copy.broken, f"{fault.name}: {copy.broken}"
