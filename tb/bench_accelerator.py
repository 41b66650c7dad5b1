"""The accelerator with host and memory of cocotbext-axi: jobs, stalls, bus errors, clear, reset."""

from random import Random

import numpy as np

from dstc.accelerator.records import JOB, JOB_MAGIC, RECORD_BYTES
from dstc.accelerator.registers import (
    IDENTIFICATION,
    REGISTERS,
    DeviceErrorCode,
    counter_offset,
    register,
)
from dstc.conv.chain import ChainLayer, golden_chain
from dstc.conv.epilogue import Epilogue
from dstc.conv.geometry import ConvGeometry
from dstc.device import DeviceError
from dstc.golden import matmul
from dstc_sim.faults.campaign import chosen_faults, inject
from dstc_sim.faults.catalogue import Workbench
from dstc_sim.faults.kinds import KINDS
from dstc_sim.faults.scenario import make_scenario
from tb.lib.accelerator_bench import BASE, SIZE, SLVERR, AcceleratorBench
from tb.lib.axi_memory import pauses
from tb.lib.bench import bench_test
from tb.lib.fault_bus import CocotbFaultBus


def sparse(host, shape, density):
    """Elements, some rows and columns of them all zero."""
    matrix = host.rng.standard_normal(shape) * (host.rng.random(shape) < density)
    matrix[host.rng.random(shape[0]) < 0.2] = 0
    return matrix.astype(host.bench.config.format.dtype)


def same(got, want):
    """Equal in every bit."""
    return got.dtype == want.dtype and got.shape == want.shape and got.tobytes() == want.tobytes()


def operands(host, shape=None, density=None):
    """A, B and C of a product."""
    config, rng = host.bench.config, host.bench.rng
    m, n, k = shape or (rng.randint(1, 2 * config.tile_m), rng.randint(1, 3 * config.tile_n),
                        rng.randint(1, 6 * config.tile_k))
    density = rng.choice((0.05, 0.3, 0.6, 1)) if density is None else density
    c = (host.rng.standard_normal((m, n)) * 10).astype(np.float32)
    return sparse(host, (m, k), density), sparse(host, (k, n), density), c


async def product(host, given, mode="sparse"):
    """One product, bit for bit, by the driver."""
    run = await host.call(host.device.gemm, *given, mode=mode)
    assert same(run.result, matmul(*given)), f"{[each.shape for each in given]} {mode}"
    for core in run.report.cores:
        assert sum(core.bins.values()) == core.cycles
    await host.quiet()
    return run.report


async def ready(bench, plain=False):
    """A device that the driver has found."""
    host = AcceleratorBench(bench)
    await host.start(plain)
    await host.open()
    assert host.device.accelerator == bench.accelerator
    return host


@bench_test(cycles=2_000_000)
async def products(bench):
    """Products of any shape and density in both modes, everything stalling."""
    host = await ready(bench)
    for n in range(bench.runs(1, 4)):
        if n:
            host.random_stall()
        await product(host, operands(host), ("sparse", "dense")[n % 2])


@bench_test(cycles=2_000_000)
async def long_rows(bench):
    """More k-tiles than a word, and than a chunk, of a warp bitmap, nearly all of them empty."""
    host = await ready(bench)
    host.random_stall()
    config = bench.config
    for tiles in (33, 130):
        a, b, c = operands(host, (config.tile_m + 1, config.tile_n + 1, tiles * config.tile_k), 0)
        for matrix in (a, b.T):
            for k in (0, 31 * config.tile_k, 32 * config.tile_k, (tiles - 1) * config.tile_k):
                matrix[:, k:k + 2] = host.rng.standard_normal((len(matrix), 2))
        await product(host, (a, b, c))
        if bench.four_state:
            break


def layers(host, x_shape, outputs, kernels):
    """A chain of convolutions with bias and ReLU."""
    names, chain, shape = "uvw", [], x_shape
    for name, out, kernel in zip(names, outputs, kernels, strict=False):
        geometry = ConvGeometry(channels=shape[0], height=shape[1], width=shape[2], outputs=out,
                                kernel=kernel, stride=host.bench.rng.choice((1, 1, 2)),
                                pads=kernel // 2)
        w = sparse(host, (out, shape[0] * kernel * kernel), 0.5).reshape(geometry.w_shape)
        bias = host.rng.standard_normal(out).astype(np.float32)
        chain.append(ChainLayer(name=name, x=chain[-1].name if chain else "x", w=w,
                                geometry=geometry, epilogue=Epilogue(bias=bias, relu=True,
                                                                     raw=False)))
        shape = geometry.out_shape
    return chain


@bench_test(cycles=2_000_000)
async def chains(bench):
    """A lowered convolution whose feature map the next one reads, with nothing in between."""
    host = await ready(bench)
    for n in range(bench.runs(1, 2)):
        host.random_stall()
        size = bench.rng.randint(3, 5)
        shape = (bench.rng.randint(1, 6), size, size + 1)
        chain = layers(host, shape, (bench.rng.randint(1, 10), 5), ((3, 1), (3, 3))[n % 2])
        x = sparse(host, (shape[0], size * (size + 1)), 0.5).reshape(shape)
        run = await host.call(host.device.run_chain, chain, "x", x)
        want = golden_chain(chain, "x", x, bench.config.format)
        assert all(same(run.results[name], want[name]) for name in want)
        await host.quiet()


@bench_test(cycles=2_000_000)
async def plain_memory(bench):
    """The memory of cocotbext-axi itself, stalled by its generators."""
    host = AcceleratorBench(bench)
    await host.start(plain=True)
    write, read = host.memory.write_if, host.memory.read_if
    for channel in (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel,
                    read.r_channel):
        channel.set_pause_generator(pauses(Random(bench.rng.getrandbits(64)), 0.4, 3))
    await host.open()
    for mode in ("sparse", "dense"):
        await product(host, operands(host, (9, 20, 12)), mode)


@bench_test
async def registers(bench):
    """Every register answers; what is read-only or not there refuses, without any effect."""
    host = AcceleratorBench(bench)
    await host.start()
    offsets = {each.offset: each for each in REGISTERS}
    for each in REGISTERS:
        answer = await host.master.read(each.offset, 4)
        assert answer.resp == 0, each.name
        if each.access == "rw":
            assert int.from_bytes(answer.data, "little") == each.reset, each.name
    assert await host.read(register("ID").offset) == IDENTIFICATION
    for offset in (0x03C, 0x0FC, 0x1FC, 0xFFC, counter_offset(bench.accelerator.cores, "cycles")):
        assert offset not in offsets
        answer = await host.master.read(offset, 4)
        assert (answer.resp, answer.data) == (SLVERR, bytes(4))
        assert (await host.master.write(offset, b"\xff" * 4)).resp == SLVERR
    for name in ("ID", "STATUS", "HEAD", "ERROR"):
        before = await host.read(register(name).offset)
        assert (await host.master.write(register(name).offset, b"\xff" * 4)).resp == SLVERR
        assert await host.read(register(name).offset) == before
    host.stall(0.5, 3)
    for value in (0x1234_5640, 0):
        await host.write(register("RING_LO").offset, value)
        assert await host.read(register("RING_LO").offset) == value


@bench_test(cycles=2_000_000)
async def ring_wraps(bench):
    """Five jobs in a ring of two entries, three of them submitted before the device may start."""
    host = await ready(bench)
    given = operands(host, (5, 7, 9), 0.5)
    task = await host.call(host.device.prepare_gemm, *given)
    [programs] = task.jobs.values()
    ring = BASE + SIZE - 2 * RECORD_BYTES
    await host.write(register("CONTROL").offset, 0)
    await host.write(register("RING_LO").offset, ring)
    await host.write(register("RING_SIZE").offset, 1)
    for job in range(5):
        fields = {f"program{n}": programs[n] if n < len(programs) else 0 for n in range(4)}
        words = JOB.pack(magic=JOB_MAGIC, version=1, tag=100 + job, **fields)
        host.contents.write(ring + job % 2 * RECORD_BYTES, words.astype("<u8").tobytes())
        await host.write(register("TAIL").offset, job + 1)
        if job == 0:
            await bench.tick(100)
            assert host.rules.read_beats == 0       # not enabled: no job is begun
            await host.write(register("CONTROL").offset, 1)
        while job and await host.field("HEAD", "count") < job:
            await bench.tick(20)
    while await host.field("HEAD", "count") < 5:
        await bench.tick(20)
    assert await host.read(register("JOB_TAG_LO").offset) == 104
    await host.quiet()
    result = await host.call(host.device.read, task, "d")
    assert same(result, matmul(*given))


@bench_test(cycles=4_000_000)
async def bus_errors(bench):
    """SLVERR and DECERR on any beat and burst: status, address, interrupt; the next job is exact.
    """
    host = await ready(bench)
    given = operands(host, (9, 20, 24), 0.5)
    task = await host.call(host.device.prepare_gemm, *given)
    reads, writes = [], []
    host.memory.fail_read = lambda ident, address: reads.append(address) or 0
    host.memory.fail_write = lambda ident, address: writes.append(address) or 0
    await host.call(host.device.run, task)
    for n in range(bench.runs(1, 3)):
        host.memory.no_faults()
        host.random_stall()
        response = bench.rng.choice((2, 3))
        writing = n % 3 == 1
        wrong = bench.rng.choice(writes if writing else reads)

        def fail(ident, address, wrong=wrong, response=response):
            return response if address == wrong else 0

        name, code = (("fail_write", DeviceErrorCode.WRITE) if writing
                      else ("fail_read", DeviceErrorCode.READ))
        setattr(host.memory, name, fail)
        try:
            await host.call(host.device.run, task)
            raise AssertionError(f"{name} at {wrong:#x} must stop the device")
        except DeviceError as error:
            assert (error.code, error.address) == (code, wrong), f"{error}, not {wrong:#x}"
        assert not host.interrupt           # the driver has cleared the device
        await host.quiet()
        host.memory.no_faults()
        await host.call(host.device.run, task)
        assert same(await host.call(host.device.read, task, "d"), matmul(*given))


@bench_test(cycles=4_000_000)
async def clear_and_reset_under_way(bench):
    """Clear, and reset, in any cycle of a job: nothing is left on the bus, the next is exact."""
    host = await ready(bench)
    given = operands(host, (9, 20, 24), 0.5)
    task = await host.call(host.device.prepare_gemm, *given)
    report = (await host.call(host.device.run, task))["d"]
    [programs] = task.jobs.values()
    for n in range(bench.runs(2, 4)):
        host.random_stall()
        await host.call(host.device.queue.submit, programs)
        await bench.tick(bench.rng.randint(1, report.cycles))
        if n % 2:
            await bench.reset()
            await bench.tick(2)
            assert await host.field("STATUS", "busy") == 0
            await host.open()
            task = await host.call(host.device.prepare_gemm, *given)
            [programs] = task.jobs.values()
        else:
            await host.call(host.device.clear)
        await host.quiet()
        await host.call(host.device.run, task)
        assert same(await host.call(host.device.read, task, "d"), matmul(*given))


@bench_test(cycles=20_000_000)
async def faults(bench):
    """Faults of every class, as ``bench/faults.py`` injects them on the simulated memory."""
    host = AcceleratorBench(bench)
    await host.start()
    failed = await host.call(inject_all, bench, CocotbFaultBus(host))
    assert not failed, "\n".join(failed)


def inject_all(bench, bus):
    """Some faults of each class, of a product and of a convolution in turn; what went wrong."""
    failed = []
    rng = np.random.default_rng(bench.rng.getrandbits(64))
    # Cycles of a four-state simulator are dear: a short job, and few classes.
    names = ["pointwise convolution"] if bench.four_state else ["product", "convolution"]
    kinds = list(KINDS)[1::7] if bench.four_state else list(KINDS)
    for n, name in enumerate(names):
        scenario = make_scenario(name, bus, bench.accelerator, range(BASE, BASE + SIZE), 1)
        workbench = Workbench(scenario)
        for kind in kinds[n::len(names)]:
            for fault in chosen_faults(workbench, kind, bench.runs(1, 1), rng):
                trial = inject(scenario, fault, 1)
                if not trial.outcome.good:
                    failed.append(f"{name}, {fault.what}: {trial.outcome.value}, {trial.story}")
    return failed
