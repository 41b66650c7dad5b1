"""A board with a bare core through its serial pins: products, a line and a program that fail."""

from dstc.device.core_board import CoreBoard, FeederRegister, beats_register, place_register
from dstc.golden import matmul
from dstc.isa import ErrorCode
from tb.lib.bench import bench_test
from tb.lib.board_bench import BoardBench, same


async def ready(bench):
    """A board whose core is known."""
    host = BoardBench(bench)
    await host.open()
    board = await host.call(CoreBoard, host.bus)
    assert board.config == bench.config
    return host, board


def operands(host, m, n, k):
    """A, B and C."""
    return host.elements((m, k), .4), host.elements((k, n), .5), host.accumulators((m, n))


@bench_test(cycles=8_000_000)
async def products(bench):
    """Products in both modes, with and without C, one after the other, bit for bit."""
    host, board = await ready(bench)
    c = bench.config
    for mode, with_c, k in (("sparse", True, 5 * c.tile_k - 1), ("dense", True, 2 * c.tile_k),
                            ("sparse", False, 3)):
        a, b, start = operands(host, c.tile_m + 3, 2 * c.tile_n + 1, k)
        start = start if with_c else None
        result, counters = await host.call(board.gemm, a, b, start, mode=mode)
        assert same(result, matmul(a, b, start)), mode
        assert counters["ohmma"] and counters["products"]
        print(f"bench product {a.shape[0]}x{b.shape[1]}x{k} {mode}: {host.line.sent} bytes sent, "
              f"{host.line.received} received, {counters}", flush=True)
    assert host.bus.repeats == 0


@bench_test(cycles=8_000_000)
async def errors(bench):
    """A bad line, and a program that is none: after each, the board is as good as before."""
    host, board = await ready(bench)
    await host.bad_line(FeederRegister.CONFIG_ID)
    bus, memory = host.bus, host.bus.hello.memory
    await host.call(bus.write_memory, memory.start, b"\xff" * 8)
    await host.call(bus.write32, place_register("instr"), memory.start)
    await host.call(bus.write32, beats_register("instr"), 1)
    await host.call(bus.write32, FeederRegister.CONTROL, 1)
    assert await host.call(bus.wait_interrupt, None)
    status = await host.call(bus.read32, FeederRegister.STATUS)
    assert status >> 2 & 1 and status >> 3 & 15 == ErrorCode.ILLEGAL_OPCODE
    await host.call(bus.write32, FeederRegister.CONTROL, 2)
    assert not await host.call(bus.wait_interrupt, 0.0)
    assert await host.call(bus.read32, FeederRegister.STATUS) == 0
    given = operands(host, 4, 4, 9)
    assert same((await host.call(board.gemm, *given))[0], matmul(*given))
