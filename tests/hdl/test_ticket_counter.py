"""Ticket counter."""

import pytest
from unit_bench import Bench

from dstc_hdl.ticket_counter import TicketCounter


@pytest.mark.parametrize("count", [2, 3, 8])
@pytest.mark.parametrize("seed", range(2))
def test_counts_modulo_64_from_the_next_cycle_on(count, seed):
    bench = Bench(TicketCounter(count), seed)
    want, step = [0] * count, None

    def before(ctx, cycle):
        nonlocal step
        step = bench.rng.random() < .8, min(count - 1, bench.rng.randrange(2 * count))
        ctx.set(bench.dut.step, step[0])
        ctx.set(bench.dut.which, step[1])

    def after(cycle, totals):
        assert totals == [n % 64 for n in want]
        if step[0]:
            want[step[1]] += 1

    bench.before(before)
    bench.after(after, "totals")
    bench.run(lambda: max(want) == 150, 2000)
