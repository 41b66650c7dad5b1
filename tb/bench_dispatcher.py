"""Dispatcher: programs to operations with tickets, executed here in the order they allow."""

import cocotb

from dstc.isa import ErrorCode
from tb.lib.bench import bench_test
from tb.lib.dispatching import KINDS, DispatchMachine, DispatchProgram


class Setup:
    """Streams of the dispatcher, reset, and machines that run one program after the other."""

    def __init__(self, bench):
        self.bench = bench
        self.source = bench.driver("instr")
        self.sinks = {kind: bench.monitor(kind) for kind in KINDS}
        self.task = None

    def use(self, program, pace, ended=None):
        """A machine for the program, going on from what has ended, and its words on their way."""
        if self.task:
            self.task.cancel()
        machine = DispatchMachine(self.bench, program, pace, ended)
        for kind, sink in self.sinks.items():
            sink.sink, sink.stall = machine.take(kind), self.bench.random_stall()
        self.source.stall = self.bench.random_stall()
        self.task = cocotb.start_soon(machine.run())
        self.source.put(*program.words)
        return machine


@bench_test
async def random_programs(bench):
    """Several programs in a row, each halted and resumed."""
    setup = Setup(bench)
    await bench.start()
    program = DispatchProgram(bench)
    machine = None
    for pace in (1, 0.3, 0.1, 1, 0.5):
        program.words.clear()
        program.fill(25).halt()
        machine = setup.use(program, pace, machine and machine.ended)
        assert not bench.get_element("status", "halted")
        await bench.until(lambda: bench.get_element("status", "halted"), "halted", 40_000)
        assert machine.idle and not any(program.ops.values()) and setup.source.idle
        status = bench.get("status")
        assert status == {"busy": 0, "halted": 1, "error": 0, "code": 0,
                          "address": len(program.words) - 1}
        await bench.tick(bench.rng.randrange(4))
        await resume(bench)


async def resume(bench):
    assert bench.get("restart") == 0
    bench.set("resume", 1)
    await bench.tick()
    assert bench.get("restart") == 1
    bench.set("resume", 0)
    await bench.tick()
    assert bench.get("restart") == 0
    status = bench.get("status")
    assert status == {"busy": 0, "halted": 0, "error": 0, "code": 0, "address": 0}


def spoil(program, code):
    """Append a word that is illegal in its place."""
    rng, config = program.rng, program.config
    if code == ErrorCode.ILLEGAL_OPCODE:
        program.words.append(rng.choice((0x00, 0x03, 0x13, 0x33, 0xFF)) | rng.getrandbits(56) << 8)
    elif code == ErrorCode.RESERVED_BITS:
        program.word("SPWMMA", a=0, b=0, acc=0)
        program.words[-1] |= 1 << rng.choice((11, 15, 17, 40, 63))
    elif code == ErrorCode.FIELD_RANGE:
        program.words.append(0x10 | config.slots << 8 if config.slots < 8 else 0x22)
    elif code == ErrorCode.NO_KSTEP:
        program.word("OHMMA", acc=0, g=0, h=0, pred=0)
    else:
        ktiles = rng.choice((1, 31, 33, 40))
        program.word("TILE", acc=0, dense=0, ktiles=ktiles)
        if ktiles > 32:
            program.words.append(0)
        program.words.append(1 << (ktiles % 32 + 32 * rng.getrandbits(1)))


@bench_test
async def illegal_words(bench):
    """Every illegal word stops the dispatcher at its address, with nothing sent after it."""
    setup = Setup(bench)
    await bench.start()
    codes = [code for code in ErrorCode if code not in (
        ErrorCode.NONE, ErrorCode.A_RECORD, ErrorCode.B_RECORD)]
    for code in codes * 3:
        await bench.reset()
        program = DispatchProgram(bench)
        if code != ErrorCode.NO_KSTEP:
            program.fill(bench.rng.randrange(12))
        spoil(program, code)
        address = len(program.words) - 1
        words = list(program.words)
        program.words += words[:1] * 5          # never taken
        before = len(setup.source.taken)
        machine = setup.use(program, 1)
        await bench.until(lambda: bench.get_element("status", "error"), "error", 10_000)
        await bench.tick(50)
        assert bench.get("status") == {"busy": 0, "halted": 0, "error": 1, "code": code,
                                       "address": address}
        assert not any(program.ops.values()) and machine.idle
        assert len(setup.source.taken) - before == address + 1


@bench_test
async def record_errors(bench):
    """A malformed tile record stops the dispatcher too."""
    setup = Setup(bench)
    await bench.start()
    for side, code in (("a", ErrorCode.A_RECORD), ("b", ErrorCode.B_RECORD)) * 2:
        await bench.reset()
        setup.use(DispatchProgram(bench).fill(20).halt(), 0.5)
        await bench.tick(bench.rng.randint(20, 60))
        bench.set(f"record_error_{side}", 1)
        await bench.tick()
        bench.set(f"record_error_{side}", 0)
        await bench.tick(40)
        count = len(setup.source.taken)
        status = bench.get("status")
        assert (status["error"], status["code"], status["busy"]) == (1, code, 0)
        await bench.tick(30)
        assert len(setup.source.taken) == count and not bench.get_element("status", "halted")


@bench_test
async def cycles(bench):
    """One instruction per cycle; TILE takes 1 + words + 3 per pair."""
    setup = Setup(bench)
    await bench.start()
    program = DispatchProgram(bench)
    for _ in range(20):
        bench.rng.choice((program.load, program.product, program.load_c))()
    program.tile(ktiles=40)
    program.load()
    machine = setup.use(program, 1)
    for end in (setup.source, *setup.sinks.values()):
        end.stall = bench.stall()
    await bench.until(lambda: setup.source.idle and machine.idle, "the end")
    taken = setup.source.taken
    pairs = sum((word & word >> 32).bit_count() for word in program.words[21:23])
    assert taken[20] - taken[0] == 20
    assert taken[23] - taken[20] == 1 + 2 + 3 * pairs
    assert not any(program.ops.values())
