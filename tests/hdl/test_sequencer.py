"""k-step walker and OHMMA expander."""

import pytest
from unit_bench import CONFIGS, STALLS, Bench

from dstc_hdl.sequencer import OhmmaExpander, StepWalker

NAMES = ["tiny", "odd", "int8", "flat"]
OP = dict.fromkeys(("tile", "dense", "select", "predicate", "predicated", "a_slot", "b_slot",
                    "a_loads", "b_loads", "acc", "turns", "k", "g", "h"), 0)


def groups_of(config):
    return config.tile_m // config.array_rows, config.tile_n // config.array_cols


class Tiles:
    """Group counts of every k-step of every slot of both sides."""

    def __init__(self, config, rng, p_empty):
        def side(groups):
            return [[0 if rng.random() < p_empty else rng.randint(1, groups)
                     for _ in range(config.tile_k)] for _ in range(config.slots)]

        self.a, self.b = (side(groups) for groups in groups_of(config))

    def place(self, bench):
        def hook(ctx, cycle):
            if cycle == 0:
                for port, side in ((bench.dut.groups_a, self.a), (bench.dut.groups_b, self.b)):
                    for slot, groups in enumerate(side):
                        ctx.set(port[slot], groups)
        bench.before(hook)


def null(op):
    return {"null": 1, "op_last": 1, "acc": op["acc"], "a_slot": op["a_slot"],
            "b_slot": op["b_slot"]}


def walk(config, tiles, ops):
    """The steps of each instruction; only the fields that mean something in them."""
    selected = predicate = (0, 0)
    full = groups_of(config)
    result = []
    for op in ops:
        a, b = tiles.a[op["a_slot"]], tiles.b[op["b_slot"]]
        base = {"a_slot": op["a_slot"], "b_slot": op["b_slot"], "acc": op["acc"], "null": 0}
        steps = []
        if op["predicate"]:
            predicate = selected
        elif op["tile"]:
            todo = [k for k in range(config.tile_k) if op["dense"] or (a[k] and b[k])]
            steps = [base | {"k": k, "dense": op["dense"], "single": 0, "op_last": k == todo[-1],
                             "row_groups": full[0] if op["dense"] else a[k],
                             "col_groups": full[1] if op["dense"] else b[k]} for k in todo]
        elif op["select"]:
            selected = a[op["k"]], b[op["k"]]
        elif not op["predicated"] or (op["g"] < predicate[0] and op["h"] < predicate[1]):
            steps = [base | {"k": op["k"], "dense": 0, "single": 1, "g": op["g"], "h": op["h"],
                             "op_last": 1}]
        result.append(steps or ([] if op["predicate"] else [null(op)]))
    return result


def random_op(config, rng, micro, pair=None):
    """Any compute instruction; an OHMMA names the k-step selected last, as the dispatcher does."""
    rows, cols = groups_of(config)
    a, b = rng.randrange(config.slots), rng.randrange(config.slots)
    kind = rng.choice(["SPWMMA", "SPWMMA", "WMMA", "BOHMMA", "POPC", "OHMMA", "OHMMA"]
                      if micro else ["SPWMMA", "SPWMMA", "SPWMMA", "WMMA"])
    acc = rng.randrange(2)
    if kind in ("SPWMMA", "WMMA"):
        return OP | {"tile": 1, "dense": int(kind == "WMMA"), "a_slot": a, "b_slot": b, "acc": acc}
    if kind == "BOHMMA":
        return OP | {"select": 1, "a_slot": a, "b_slot": b, "k": rng.randrange(config.tile_k)}
    if kind == "POPC":
        return OP | {"predicate": 1}
    last = pair or (0, 0, 0)
    return OP | {"a_slot": last[0], "b_slot": last[1], "k": last[2], "acc": acc,
                 "predicated": rng.randrange(2), "g": rng.randrange(rows),
                 "h": rng.randrange(cols)}


def random_ops(config, rng, count, micro):
    ops, pair = [], None
    for _ in range(count):
        ops.append(random_op(config, rng, micro, pair))
        if ops[-1]["select"]:
            pair = ops[-1]["a_slot"], ops[-1]["b_slot"], ops[-1]["k"]
    return ops


def check_steps(got, ops, per_op):
    want = [step for steps in per_op for step in steps]
    assert len(got) == len(want)
    for n, (step, meant) in enumerate(zip(got, want, strict=True)):
        assert {name: step[name] for name in meant} == meant, f"step {n} of {ops}"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("micro", [False, True])
@pytest.mark.parametrize("p_valid, p_ready", STALLS)
def test_steps(name, micro, p_valid, p_ready):
    config = CONFIGS[name]
    bench = Bench(StepWalker(config), seed=7)
    tiles = Tiles(config, bench.rng, p_empty=.5)
    ops = random_ops(config, bench.rng, 60, micro)
    per_op = walk(config, tiles, ops)
    count = sum(map(len, per_op))
    tiles.place(bench)
    given, taken = bench.drive("i", ops, p_valid), bench.take("o", p_ready)
    bench.run(lambda: given.idle and len(taken.tokens) >= count, 20 * count + 2000)
    check_steps(taken.tokens, ops, per_op)


@pytest.mark.parametrize("name", [*NAMES, "small"])
@pytest.mark.parametrize("p_empty", [0, .3, .8, 1])
def test_one_step_per_cycle_without_gaps(name, p_empty):
    config = CONFIGS[name]
    bench = Bench(StepWalker(config), seed=8)
    tiles = Tiles(config, bench.rng, p_empty)
    ops = random_ops(config, bench.rng, 30, micro=False)
    count = sum(map(len, walk(config, tiles, ops)))
    tiles.place(bench)
    bench.drive("i", ops)
    taken = bench.take("o")
    bench.run(lambda: len(taken.tokens) == count, count + 2)
    assert taken.cycles == list(range(1, count + 1))


@pytest.mark.parametrize("seed", range(3))
def test_cycles_of_micro_operations(seed):
    """A step per BOHMMA and OHMMA; POPC waits for its BOHMMA's step to go and takes a cycle."""
    config = CONFIGS["tiny"]
    bench = Bench(StepWalker(config), seed)
    tiles = Tiles(config, bench.rng, .3)
    ops = []
    for k in range(config.tile_k):
        ops += [OP | {"select": 1, "k": k}, OP | {"predicate": 1}]
        ops += [OP | {"k": k, "predicated": 1, "g": g, "h": h} for h in range(2) for g in range(4)]
    tiles.place(bench)
    given, taken = bench.drive("i", ops), bench.take("o")
    bench.run(lambda: given.idle and len(taken.tokens) == 9 * config.tile_k, 200)
    check_steps(taken.tokens, ops, walk(config, tiles, ops))
    assert bench.cycle == 1 + (1 + 2 + 8) * config.tile_k


@pytest.mark.parametrize("name", ["tiny", "odd"])
@pytest.mark.parametrize("seed", range(3))
def test_waits_for_loads_and_turns(name, seed):
    """Nothing is taken before its tickets are due, and the reason for a wait is told."""
    config = CONFIGS[name]
    bench = Bench(StepWalker(config), seed)
    dut, rng = bench.dut, bench.rng
    tiles = Tiles(config, rng, .5)
    tiles.place(bench)
    ops = random_ops(config, rng, 40, micro=True)
    # Tickets as the dispatcher would write them, and the events that make each of them due.
    totals = {"loads_a": [0] * config.slots, "loads_b": [0] * config.slots, "turns": [0, 0]}
    uses = (("loads_a", "a_slot", "a_loads"), ("loads_b", "b_slot", "b_loads"),
            ("turns", "acc", "turns"))
    events, due = [], []
    for op in ops:
        for total, which, ticket in uses:
            for _ in range(rng.choice([0, 0, 1, 2])):
                totals[total][op[which]] += 1
                events.append((total, op[which]))
            op[ticket] = totals[total][op[which]] % 64
        due.append(len(events))
    now = {name: [0] * len(counts) for name, counts in totals.items()}
    happened = 0

    def step(ctx, cycle):
        # A later event must wait for the instructions before it: that is the other units' part.
        nonlocal happened
        if happened < len(events) and rng.random() < .3 \
                and (len(given.tokens) == len(ops) or happened < due[len(given.tokens)]):
            total, which = events[happened]
            now[total][which] += 1
            happened += 1
            ctx.set(getattr(dut, total)[which], now[total][which] % 64)

    waits = {"operand": 0, "context": 0}

    def look(cycle, valid, ready, op, wait_operand, wait_context):
        assert not (wait_operand and wait_context)
        if not valid:
            assert not (wait_operand or wait_context)
            return
        waits["operand"] += wait_operand
        waits["context"] += wait_context
        loaded = all(now[total][op[which]] % 64 == op[ticket] for total, which, ticket in uses[:2])
        turn = now["turns"][op["acc"]] % 64 == op["turns"]
        if op["predicate"]:
            assert not (wait_operand or wait_context)
            return
        assert not wait_operand or not loaded
        assert not wait_context or (loaded and not turn)
        if ready:
            assert loaded and turn and not (wait_operand or wait_context)

    given = bench.drive("i", ops)
    taken = bench.take("o")
    bench.before(step)
    bench.after(look, "i.valid", "i.ready", "i.payload", "wait_operand", "wait_context")
    per_op = walk(config, tiles, ops)
    count = sum(map(len, per_op))
    bench.run(lambda: given.idle and len(taken.tokens) == count, 5000)
    check_steps(taken.tokens, ops, per_op)
    assert waits["operand"] > 10
    assert waits["context"] > 10


STEP = dict.fromkeys(("a_slot", "b_slot", "k", "acc", "dense", "null", "single", "g", "h",
                      "row_groups", "col_groups", "op_last"), 0)


def expand(step):
    """The OHMMA of a step: row groups first, then column groups."""
    names = ("a_slot", "b_slot", "k", "acc", "dense", "null")
    base = {name: step[name] for name in names}
    if step["null"]:
        return [base | {"first": 1, "last": 1, "op_last": step["op_last"]}]
    if step["single"]:
        return [base | {"g": step["g"], "h": step["h"], "first": 1, "last": 1,
                        "op_last": step["op_last"]}]
    pairs = [(g, h) for h in range(step["col_groups"]) for g in range(step["row_groups"])]
    return [base | {"g": g, "h": h, "first": (g, h) == pairs[0], "last": (g, h) == pairs[-1],
                    "op_last": step["op_last"] and (g, h) == pairs[-1]} for g, h in pairs]


def random_steps(config, rng, count):
    rows, cols = groups_of(config)
    steps = []
    for _ in range(count):
        kind = rng.choice(["tile", "tile", "tile", "single", "null"])
        steps.append(STEP | {
            "a_slot": rng.randrange(config.slots), "b_slot": rng.randrange(config.slots),
            "k": rng.randrange(config.tile_k), "acc": rng.randrange(2), "dense": rng.randrange(2),
            "null": kind == "null", "single": kind == "single",
            "g": rng.randrange(rows), "h": rng.randrange(cols),
            "row_groups": rng.randint(1, rows), "col_groups": rng.randint(1, cols),
            "op_last": rng.randrange(2)})
    return steps


@pytest.mark.parametrize("name", [*NAMES, "small", "paper"])
@pytest.mark.parametrize("p_valid, p_ready", STALLS)
def test_expander(name, p_valid, p_ready):
    config = CONFIGS[name]
    bench = Bench(OhmmaExpander(config), seed=9)
    steps = random_steps(config, bench.rng, 50)
    want = [token for step in steps for token in expand(step)]
    bench.drive("i", steps, p_valid)
    taken = bench.take("o", p_ready)
    bench.run(lambda: len(taken.tokens) == len(want), 10 * len(want) + 500)
    for token, meant in zip(taken.tokens, want, strict=True):
        assert {name: token[name] for name in meant} == meant
    if p_valid == p_ready == 1:
        assert taken.cycles == list(range(bench.dut.latency, bench.dut.latency + len(want)))
