"""Block sequencer: every block of every tile in order, one per cycle."""

import pytest
from unit_bench import CONFIGS, Bench

from dstc.twin import TwinShape
from dstc_hdl.twin.sequencer import BlockSequencer


def blocks_of(config, jobs):
    """What the contract says: all blocks over the first k, row by row, then over the next."""
    rows, cols = config.array_rows // 2, config.array_cols // 2
    down, across = config.tile_m // rows, config.tile_n // cols
    for number, job in enumerate(jobs):
        for tile in range(job["more"] + 1):
            for k in range(config.tile_k // 4):
                for i in range(down):
                    for j in range(across):
                        last = (k, i, j) == (config.tile_k // 4 - 1, down - 1, across - 1)
                        yield {
                            "acc": number % 2, "lower": i % 2, "right": j % 2,
                            "index": i // 2 + config.row_groups * (j // 2),
                            "zero": int(not (tile or k or job["load_c"])),
                            "job_last": int(last and tile == job["more"]),
                        }, k * down + i, k * across + j, int(last)


@pytest.mark.parametrize("name, structured", [("tiny", True), ("odd", False), ("flat", False)])
@pytest.mark.parametrize("p_job, p_tile", [(1, 1), (.1, 1), (1, .3)])
def test_blocks(name, structured, p_job, p_tile):
    config = CONFIGS[name]
    bench = Bench(BlockSequencer(TwinShape(config, structured)), seed=41)
    jobs = [{"more": more, "load_c": load_c} for more, load_c in ((0, 0), (2, 1), (1, 0), (0, 1))]
    want, cycles, present = list(blocks_of(config, jobs)), [], []
    total, pair = len(want), len(want) // 7
    source = bench.drive("job", jobs, p_job)

    def drive(ctx, cycle):
        # Within a pair its tiles are present by the contract of the buffers.
        present.append(bench.rng.random() < p_tile or len(cycles) % pair > 0)
        ctx.set(bench.dut.present, present[-1])

    def check(cycle, o, a_row, b_row, last):
        if not o["valid"]:
            assert not last
            return
        block, *rows = want.pop(0)
        assert {name: o[name] for name in block} == block
        assert [a_row, b_row, last] == rows
        assert present[cycle]
        cycles.append(cycle)

    bench.before(drive)
    bench.after(check, "o", "a_row", "b_row", "next")
    bench.run(lambda: not want and bench.cycle > cycles[-1] + 5, 40 * total)
    # A pair is not interrupted, and nothing lies between pairs that need not wait.
    assert all(cycles[n + pair - 1] == cycles[n] + pair - 1 for n in range(0, total, pair))
    if p_job == p_tile == 1:
        assert cycles == list(range(total))
    assert source.cycles == [cycles[n * pair - 1] for n in (1, 4, 6, 7)]
