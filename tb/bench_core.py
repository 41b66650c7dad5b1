"""The core: products and programs against the golden model, errors, and full dense speed."""

import numpy as np

from dstc.formats import encode
from dstc.golden import matmul
from dstc.isa import ErrorCode
from dstc.program import MODES, STYLES, gemm_job
from dstc.skiprule import ohmma_counts
from tb.lib.bench import bench_test
from tb.lib.core_bench import CoreBench, RandomProgram, random_value
from tb.lib.machine import Machine
from tb.lib.models import Side, Tile, bitmap_kinds

# Runs of each test: enough for seconds, not minutes, on that simulator.
RUNS = {("tiny", True): 1, ("tiny", False): 20, ("small", True): 0.2, ("small", False): 5,
        ("paper", False): 0.5, ("paper-int8", False): 0.5,
        **{(f"tiny-{element}", four_state): 1 if four_state else 5
           for element in ("bf16", "fp8_e4m3", "fp8_e5m2") for four_state in (True, False)}}


def runs(bench, count):
    return max(1, round(count * RUNS[bench.config.name, bench.four_state]))


def operand(bench, shape, density):
    """A matrix in the element format; now and then with its edges."""
    rng = np.random.default_rng(bench.rng.getrandbits(64))
    config = bench.config
    kind = bench.rng.choice(("plain", "plain", "steps", "edges"))
    bits = [random_value(bench.rng, config, kind) for _ in range(shape[0] * shape[1])]
    raw = np.array(bits, f"<u{config.format.dtype.itemsize}").reshape(shape)
    raw[rng.random(shape) >= density] = bench.rng.choice((0, 1 << config.element_bits - 1)) if (
        config.format.is_float) else 0
    # Whole rows, columns and blocks of zeros make empty k-steps and tiles.
    for axis in (0, 1):
        if bench.rng.random() < 0.3:
            raw[np.nonzero(rng.random(shape[axis]) < 0.3)[0] if axis == 0 else slice(None),
                slice(None) if axis == 0 else np.nonzero(rng.random(shape[axis]) < 0.3)[0]] = 0
    return raw.view(config.format.dtype)


def random_c(bench, shape):
    config = bench.config
    rng = np.random.default_rng(bench.rng.getrandbits(64))
    if not config.format.is_float:
        return rng.integers(-10**6, 10**6, shape).astype(np.int32)
    c = (rng.standard_normal(shape) * 100).astype(np.float32)
    special = rng.random(shape) < 0.05
    c[special] = rng.choice(np.array([np.nan, np.inf, -np.inf, 1e-45, -0.0, 3e38], np.float32),
                            int(special.sum()))
    return c


def words_of(beats):
    """Rows of bytes as integers."""
    return [int.from_bytes(row.tobytes(), "little") for row in beats]


def density(bench):
    return bench.rng.choice((0, 0.05, 0.2, 0.5, 0.8, 1))


async def product(core, *, shape, mode, style, densities):
    """One matrix product, bit for bit, with its counts."""
    bench, config = core.bench, core.config
    a = operand(bench, (shape[0], shape[2]), densities[0])
    b = operand(bench, (shape[2], shape[1]), densities[1])
    c = random_c(bench, shape[:2]) if bench.rng.random() < 0.85 else None
    encoded = encode(a, "A", config), encode(b, "B", config)
    job = gemm_job(*encoded, c, config=config, mode=mode, style=style)
    counters = await core.run(
        [int(word) for word in job.words],
        list(zip(words_of(job.a_data), map(int, job.a_last), strict=True)),
        list(zip(words_of(job.b_data), map(int, job.b_last), strict=True)), words_of(job.c_data))
    assert len(core.beats) == job.d_beats
    assert [n for n, (_, last) in enumerate(core.beats) if last] == list(
        range(config.c_beats - 1, job.d_beats, config.c_beats))
    size = config.c_beat_bits // 8
    octets = b"".join(word.to_bytes(size, "little") for word, _ in core.beats)
    got = job.assemble(np.frombuffer(octets, np.uint8).reshape(-1, size))
    want = matmul(a, b, c)
    wrong = np.argwhere(got.view(np.uint32) != want.view(np.uint32))
    assert not len(wrong), (f"{shape} {mode} {style} {densities}: {len(wrong)} sums differ, first "
                            f"{wrong[0]}: {got[tuple(wrong[0])]} for {want[tuple(wrong[0])]}")
    counts = ohmma_counts(*encoded, config)
    with np.errstate(invalid="ignore"):     # signalling NaN
        pairs = ((a != 0).astype(np.int64) @ (b != 0).astype(np.int64)).sum()
    assert counters["products"] == pairs
    assert counters["ohmma"] == (counts.executed if mode == "sparse" else counts.dense)


@bench_test
async def products(bench):
    """Products of any shape in every mode and style, several in a row, all streams stalling."""
    core = CoreBench(bench)
    await bench.start()
    config = bench.config
    for n in range(runs(bench, 6)):
        if n:
            await core.resume()
        core.stalls(bench.random_stall if n % 4 else bench.stall)
        m, k = (bench.rng.randint(1, 2 * size + 1) for size in (config.tile_m, 3 * config.tile_k))
        await product(core, shape=(m, bench.rng.randint(1, config.tile_n + 1), k),
                      mode=MODES[n % 2], style=STYLES[n % 3],
                      densities=(density(bench), density(bench)))


async def run_program(core, program):
    counters = await core.run(program.words, program.a, program.b, program.c)
    assert len(core.beats) == len(program.d)
    for n, (got, want) in enumerate(zip(core.beats, program.d, strict=True)):
        assert got == want, f"D beat {n} must be {want}, not {got}"
    assert (counters["ohmma"], counters["products"]) == (program.machine.ohmma,
                                                         program.machine.products)


@bench_test
async def random_programs(bench):
    """Any instructions in any order; slots and contexts live on from program to program."""
    core, machine = CoreBench(bench), Machine(bench.config)
    await bench.start()
    for n in range(runs(bench, 3)):
        if n:
            await core.resume()
        core.stalls(bench.random_stall if n % 4 else bench.stall)
        await run_program(core, RandomProgram(bench.rng, machine).fill(25))


@bench_test
async def reset_under_way(bench):
    """A reset at any moment of a program leaves a core that works."""
    core = CoreBench(bench)
    await bench.start()
    for _ in range(runs(bench, 2)):
        core.stalls(bench.random_stall)
        program = RandomProgram(bench.rng, Machine(bench.config)).fill(20)
        core.put(program.words, program.a, program.b, program.c)
        await bench.tick(bench.rng.randint(1, 300))
        await bench.reset()
        await run_program(core, RandomProgram(bench.rng, Machine(bench.config)).fill(4))


@bench_test
async def hard_tiles(bench):
    """Empty and full, single dots, checkerboards and stripes that hit one bank, in all pairs."""
    core, machine = CoreBench(bench), Machine(bench.config)
    await bench.start()
    config = bench.config
    sides = {name: Side.of(config, name) for name in "AB"}
    kinds = {name: bitmap_kinds(side.span, side.lanes) for name, side in sides.items()}
    program = RandomProgram(bench.rng, machine)
    pairs = [(x, y) for x in kinds["A"] for y in kinds["B"]]
    step = 1 if config.name in ("tiny", "small") and not bench.four_state else 7
    for n, names in enumerate(pairs[::step]):
        slot, acc = n % config.slots, n // 4 % 2
        if n % 4 == 0:
            program.load_c(acc)
        for (letter, side), name in zip(sides.items(), names, strict=True):
            bitmap = kinds[letter][name]
            values = [random_value(bench.rng, config, "steps")
                      for _ in range(bitmap.bit_count() * side.steps)]
            program.load(letter, slot, Tile(side, [bitmap] * side.steps, values))
        program.word("SPWMMA", a=slot, b=slot, acc=acc)
        machine.product(slot, slot, acc, False)
        if n % 4 == 3:
            program.drain(acc)
    program.drain(0)
    program.drain(1)
    program.word("HALT")
    await run_program(core, program)


@bench_test
async def errors(bench):
    """Every error stops the core with its code and address; after a reset it works again."""
    core = CoreBench(bench)
    await bench.start()
    for code in ErrorCode:
        if code == ErrorCode.NONE:
            continue
        await bench.reset()
        core.beats.clear()
        program = RandomProgram(bench.rng, Machine(bench.config))
        program.load("A", 0)
        program.load("B", 0)
        program.product()
        address = break_program(program, code)
        core.put(program.words + program.words[:1], program.a, program.b, program.c)
        status = await core.until_error()
        if address is not None:
            assert status["address"] == address
        del status["address"]
        assert status == {"busy": 0, "halted": 0, "error": 1, "code": code}
        await bench.reset()
        await run_program(core, RandomProgram(bench.rng, Machine(bench.config)).fill(6))


def break_program(program, code):
    """Append what raises the error; gives its address if that is certain."""
    if code == ErrorCode.ILLEGAL_OPCODE:
        program.words.append(0x7F)
    elif code == ErrorCode.RESERVED_BITS:
        program.words.append(0x01 | 1 << 33)
    elif code == ErrorCode.FIELD_RANGE:
        program.words.append(0x22)      # TILE without k-tiles
    elif code == ErrorCode.NO_KSTEP:
        program.word("OHMMA", acc=0, g=0, h=0, pred=0)
    elif code == ErrorCode.WARP_BITMAP:
        program.word("TILE", acc=0, dense=0, ktiles=3)
        program.words.append(1 << 3)
    else:
        beats = program.a if code == ErrorCode.A_RECORD else program.b
        beats[-1] = beats[-1][0], 0
        program.word("BARRIER")
        return None
    return len(program.words) - 1


@bench_test
async def dense_speed(bench):
    """Full tiles: each further tile costs exactly its OHMMA, in both modes."""
    core, machine = CoreBench(bench), Machine(bench.config)
    await bench.start()
    config = bench.config
    for product_of in ("SPWMMA", "WMMA"):
        cycles = []
        for tiles in (3, 6):
            program = RandomProgram(bench.rng, machine)
            for n in range(tiles):
                slot = n % config.slots
                for letter in "AB":
                    side = Side.of(config, letter)
                    full = (1 << side.span) - 1
                    values = [random_value(bench.rng, config, "steps")
                              for _ in range(side.span * side.steps)]
                    program.load(letter, slot, Tile(side, [full] * side.steps, values))
                program.word(product_of, a=slot, b=slot, acc=0)
                machine.product(slot, slot, 0, product_of == "WMMA")
            program.drain(0)
            program.word("HALT")
            await run_program(core, program)
            counters = bench.get("counters")
            assert counters["issue"] == tiles * config.dense_ohmma_per_tile
            assert counters["conflict"] == 0
            cycles.append(core.busy)
            await core.resume()
        assert cycles[1] - cycles[0] == 3 * config.dense_ohmma_per_tile
