"""A board with an accelerator through its serial pins: the driver, and a line that fails."""

import numpy as np

from dstc.accelerator.registers import register
from dstc.conv.chain import ChainLayer, golden_chain
from dstc.conv.epilogue import Epilogue
from dstc.conv.geometry import ConvGeometry
from dstc.device import Device, DeviceError
from dstc.golden import matmul
from tb.lib.bench import bench_test
from tb.lib.board_bench import BoardBench, same


async def ready(bench):
    """A board, and the driver that has found its accelerator."""
    host = BoardBench(bench)
    await host.open()
    device = await host.call(Device, host.bus, memory=host.bus.hello.memory, timeout=None)
    found, built = device.accelerator.core, bench.config
    assert found.replace(name=built.name, status=built.status) == built
    return host, device


@bench_test(cycles=20_000_000)
async def products(bench):
    """A product with C, and one in dense mode, bit for bit."""
    host, device = await ready(bench)
    c = bench.config
    for mode, k in (("sparse", 5 * c.tile_k - 1), ("dense", 2 * c.tile_k)):
        m, n = c.tile_m + 3, 2 * c.tile_n + 1
        given = (host.elements((m, k), .4), host.elements((k, n), .5), host.accumulators((m, n)))
        run = await host.call(device.gemm, *given, mode=mode)
        assert same(run.result, matmul(*given)), mode
        assert sum(run.report.cores[0].bins.values()) == run.report.cores[0].cycles
        print(f"bench product {m}x{n}x{k} {mode}: {run.report.cycles} cycles; "
              f"{host.line.sent} bytes sent, {host.line.received} received", flush=True)
    assert host.bus.repeats == 0


@bench_test(cycles=20_000_000)
async def chain(bench):
    """Two convolutions; the second reads what the first wrote into the memory of the board."""
    host, device = await ready(bench)
    rng, integer = host.rng, bench.config.element == "int8"
    x = np.abs(host.elements((3, 5, 5), .6))
    scale = {"multiplier": rng.integers(100, 999, 9), "shift": np.full(9, 12)} if integer else {}
    layers = [
        ChainLayer(name="one", x="x", w=host.elements((9, 3, 3, 3), .5),
                   geometry=ConvGeometry(channels=3, height=5, width=5, outputs=9, kernel=3,
                                         pads=1),
                   epilogue=Epilogue(bias=host.accumulators(9), relu=True, raw=False, **scale)),
        ChainLayer(name="two", x="one", w=host.elements((6, 9, 1, 1), .5),
                   geometry=ConvGeometry(channels=9, height=5, width=5, outputs=6, kernel=1),
                   epilogue=Epilogue(bias=host.accumulators(6)))]
    run = await host.call(device.run_chain, layers, "x", x)
    want = golden_chain(layers, "x", x, bench.config.format)
    assert want["one"].any() and want["two"].any()
    assert all(same(run.results[name], want[name]) for name in want)


@bench_test(cycles=20_000_000)
async def errors(bench):
    """A bad line, and a program that is none: after each, the board is as good as before."""
    host, device = await ready(bench)
    await host.bad_line(register("CONFIG_ID").offset)
    repeats, wrong = host.bus.repeats, host.bus.hello.memory.start + 0x8000
    try:
        await host.call(device.queue.submit, [wrong])
        await host.call(device.queue.wait)
        raise AssertionError("a program that is none must stop the device")
    except DeviceError as error:
        assert error.address == wrong
    await host.call(device.clear)
    a, b, c = host.elements((4, 9), .7), host.elements((9, 4), .7), host.accumulators((4, 4))
    assert same((await host.call(device.gemm, a, b, c)).result, matmul(a, b, c))
    assert host.bus.repeats == repeats
