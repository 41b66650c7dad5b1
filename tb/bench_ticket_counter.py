"""TicketCounter: counts per slot, modulo 2**TICKET_BITS, one cycle later."""

from tb.lib.bench import bench_test


@bench_test
async def random_steps(bench):
    slots = bench.config.slots
    totals = [0] * slots
    await bench.start()
    modulus = 1 << bench.shapes["totals"][0].width
    for _ in range(1500):
        assert bench.get("totals") == totals
        step = bench.rng.random() < 0.7
        which = bench.rng.randrange(slots) if bench.rng.random() < 0.3 else 0
        bench.set("step", int(step))
        bench.set("which", which)
        await bench.tick()
        # What was driven before this edge counts at it, and shows at the next.
        assert bench.get("totals") == totals
        if step:
            totals[which] = (totals[which] + 1) % modulus
        bench.set("step", 0)
        await bench.tick()
    await bench.reset()
    assert bench.get("totals") == [0] * slots
