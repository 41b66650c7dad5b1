"""OperandCollector: the products of every OHMMA reach their bank once, in k order."""

import cocotb

from dstc_hdl.accumulator import hazard_distance
from tb.lib.bench import bench_test
from tb.lib.models import Side, bitmap_kinds, random_bitmap

OPERANDS = {"a": "A", "b": "B"}


class Script:
    """k-steps as OHMMA tokens, and the products that every accumulator gets, in order."""

    def __init__(self, bench):
        self.bench, self.config, self.rng = bench, bench.config, bench.rng
        self.sides = {name: Side.of(bench.config, letter) for name, letter in OPERANDS.items()}
        self.tokens = []
        self.products = {}          # (bank, acc, index) -> [(a, b, instruction)]
        self.instructions = []      # acc of each
        self.left = []              # products of each instruction

    def bitmaps(self, kind=None):
        return {name: (bitmap_kinds(side.span, side.lanes)[kind] if kind
                       else random_bitmap(self.rng, side.span, side.lanes))
                for name, side in self.sides.items()}

    def instruction(self, steps, dense=False, kind=None, acc=None, fixed=None):
        """Some k-steps of a tile product; without work, one null token."""
        acc = self.rng.getrandbits(1) if acc is None else acc
        self.instructions.append(acc)
        self.left.append(0)
        work = []
        for _ in range(steps):
            bitmaps = fixed or self.bitmaps(kind)
            groups = [side.groups if dense else side.sparse_groups(bitmaps[name])
                      for name, side in self.sides.items()]
            if groups[0] and groups[1]:
                work.append((bitmaps, groups))
        if not work:
            self._token(acc, {"a": 0, "b": 0}, {}, 0, 0, null=1, first=1, last=1, op_last=1)
        for n, (bitmaps, (rows, cols)) in enumerate(work):
            values = self._values(bitmaps)
            taken = {(name, group): side.taken(bitmaps[name], group, dense)
                     for name, side in self.sides.items() for group in range(side.groups)}
            pairs = [(g, h) for h in range(cols) for g in range(rows)]
            for i, (g, h) in enumerate(pairs):
                last = i == len(pairs) - 1
                masks = {name: sum(1 << p for p in taken[name, group])
                         for name, group in (("a", g), ("b", h))}
                self._token(acc, masks, values, g, h, null=0, first=int(i == 0), last=int(last),
                            op_last=int(last and n == len(work) - 1), dense=int(dense))
            self._products(acc, bitmaps, values)

    def stripes(self, steps):
        """k-steps that hit one bank row after the other, with a single column."""
        side, lanes = self.sides["a"], self.sides["a"].lanes
        for n in range(steps):
            stripe = bitmap_kinds(side.span, lanes)["one bank"] << n % lanes
            self.instruction(1, acc=0, fixed={"a": stripe, "b": 1})

    def single(self):
        """One OHMMA of its own, as the micro-operations make them."""
        acc, bitmaps = self.rng.getrandbits(1), self.bitmaps()
        values = self._values(bitmaps)
        self.instructions.append(acc)
        self.left.append(0)
        masks, groups = {}, {}
        for name, side in self.sides.items():
            groups[name] = self.rng.randrange(side.groups)
            masks[name] = sum(1 << p for p in side.taken(bitmaps[name], groups[name], False))
        self._token(acc, masks, values, groups["a"], groups["b"], null=0, first=1, last=1,
                    op_last=1)
        self._products(acc, masks, values)

    def _values(self, bitmaps):
        return {name: [self.rng.getrandbits(side.bits) for _ in range(side.span)]
                for name, side in self.sides.items()}

    def _token(self, acc, masks, values, g, h, **flags):
        item = {"token": {"g": g, "h": h, "acc": acc, **flags}}
        for name, side in self.sides.items():
            # What lies outside the mask is arbitrary.
            item[name] = {"mask": masks[name], "values": [
                values[name][p] if masks[name] >> p & 1 else self.rng.getrandbits(side.bits)
                for p in range(side.span)]}
        self.tokens.append(item)

    def _products(self, acc, bitmaps, values):
        config = self.config
        for m in range(config.tile_m):
            for n in range(config.tile_n):
                if bitmaps["a"] >> m & 1 and bitmaps["b"] >> n & 1:
                    bank = m % config.array_rows * config.array_cols + n % config.array_cols
                    index = m // config.array_rows + config.row_groups * (n // config.array_cols)
                    self.products.setdefault((bank, acc, index), []).append(
                        (values["a"][m], values["b"][n], len(self.left) - 1))
                    self.left[-1] += 1


async def watch(bench, script):
    """Every product against the script, its distance to the one before, and ``done``."""
    last, hazard = {}, hazard_distance(bench.config)
    ended = 0
    while True:
        await bench.tick()
        if bench.in_reset:
            continue
        for bank, got in bench.valid_elements("o"):
            key = bank, got["acc"], got["index"]
            assert script.products.get(key), f"nothing more is due in {key}"
            a, b, instruction = script.products[key].pop(0)
            assert (got["a"], got["b"]) == (a, b), f"{key} must get {a:#x} {b:#x}, not {got}"
            assert bench.cycle - last.get(key, -1000) >= hazard, f"{key} is in flight"
            last[key] = bench.cycle
            script.left[instruction] -= 1
        if bench.get("done"):
            assert script.left[ended] == 0, f"instruction {ended} is done before its products"
            assert bench.get("done_acc") == script.instructions[ended]
            ended += 1
        script.ended = ended


async def run_script(bench, source, script):
    script.ended = 0
    task = cocotb.start_soon(watch(bench, script))
    source.put(*script.tokens)
    await bench.until(lambda: script.ended == len(script.instructions), "every instruction",
                      40_000)
    await bench.tick(3)
    assert bench.get("empty") == 1 and not any(script.products.values())
    task.cancel()


@bench_test
async def random_instructions(bench):
    source = bench.driver("i")
    await bench.start()
    for _ in range(4):
        source.stall = bench.random_stall()
        script = Script(bench)
        for _ in range(25):
            choice = bench.rng.random()
            if choice < 0.15:
                script.single()
            elif choice < 0.25:
                script.instruction(0)
            else:
                script.instruction(bench.rng.randint(1, 6), dense=bench.rng.random() < 0.2)
        await run_script(bench, source, script)


@bench_test
async def hard_bitmaps(bench):
    """All products into one bank, checkerboards, single dots, full and empty k-steps."""
    source = bench.driver("i")
    await bench.start()
    script = Script(bench)
    for kind in bitmap_kinds(bench.config.tile_m, bench.config.array_rows):
        script.instruction(5, kind=kind)
        script.instruction(2, kind=kind, dense=True)
    for u in range(bench.config.row_groups):
        for v in range(bench.config.col_groups):
            dot = {"a": 1 << u * bench.config.array_rows, "b": 1 << v * bench.config.array_cols}
            script.instruction(3, fixed=dot, acc=0)     # the same accumulator again and again
    await run_script(bench, source, script)


@bench_test
async def dense_throughput(bench):
    """Full k-steps go in at exactly one OHMMA per cycle."""
    source = bench.driver("i")
    await bench.start()
    script = Script(bench)
    for dense in (True, False):
        script.instruction(12, dense=dense, kind="full", acc=0)
    await run_script(bench, source, script)
    assert source.taken[-1] - source.taken[0] == len(source.taken) - 1
    assert len(source.taken) == 24 * bench.config.dense_ohmma_per_step


@bench_test
async def banks_run_ahead(bench):
    """k-steps that each fill one bank row and leave the others free go in without a pause.

    Their products keep a bank busy for ``row_groups`` cycles; only because the other banks work
    on later k-steps meanwhile is there room for the next one.
    """
    source = bench.driver("i")
    await bench.start()
    script = Script(bench)
    script.stripes(40)
    await run_script(bench, source, script)
    assert source.taken[-1] - source.taken[0] == len(source.taken) - 1
