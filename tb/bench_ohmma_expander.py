"""OhmmaExpander: k-steps to OHMMA, row groups first."""

from tb.lib.bench import Scoreboard, bench_test


def random_step(rng, config):
    null, single = rng.choice(((0, 0), (0, 0), (0, 0), (0, 1), (1, 0), (1, 1)))
    return {
        "a_slot": rng.randrange(config.slots), "b_slot": rng.randrange(config.slots),
        "k": rng.randrange(config.tile_k), "acc": rng.getrandbits(1), "dense": rng.getrandbits(1),
        "null": null, "single": single,
        "g": rng.randrange(config.row_groups), "h": rng.randrange(config.col_groups),
        "row_groups": rng.randint(1, config.row_groups),
        "col_groups": rng.randint(1, config.col_groups),
        "op_last": rng.getrandbits(1),
    }


def tokens_of(step):
    """Which OHMMA a step stands for, in order; a null step is one token."""
    if step["null"]:
        groups = [(None, None)]
    elif step["single"]:
        groups = [(step["g"], step["h"])]
    else:
        groups = [(g, h) for h in range(step["col_groups"]) for g in range(step["row_groups"])]
    for n, (g, h) in enumerate(groups):
        last = n == len(groups) - 1
        yield {**{name: step[name] for name in ("a_slot", "b_slot", "k", "acc", "dense", "null")},
               "g": g, "h": h, "first": int(n == 0), "last": int(last),
               "op_last": int(last and step["op_last"])}


def comparable(token):
    """A null token has no groups."""
    return {**token, "g": None, "h": None} if token["null"] else token


@bench_test
async def random_steps(bench):
    source, sink = bench.driver("i"), bench.monitor("o")
    board = Scoreboard(bench, "o")
    sink.sink = lambda token: board.take(comparable(token))
    await bench.start()
    for _ in range(12):
        source.stall, sink.stall = bench.random_stall(), bench.random_stall()
        steps = [random_step(bench.rng, bench.config) for _ in range(25)]
        source.put(*steps)
        board.expect(token for step in steps for token in tokens_of(step))
        await board.finish()


@bench_test
async def no_gap_between_steps(bench):
    source, sink = bench.driver("i"), bench.monitor("o", raw=True)
    await bench.start()
    steps = [random_step(bench.rng, bench.config) for _ in range(40)]
    source.put(*steps)
    count = sum(1 for step in steps for _ in tokens_of(step))
    await bench.until(lambda: len(sink.taken) == count, "every token")
    assert sink.taken[0] - source.taken[0] == bench.component.latency
    assert sink.taken[-1] - sink.taken[0] == count - 1, "one OHMMA per cycle"
