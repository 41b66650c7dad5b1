"""OuterProductArray: products with their addresses, ``latency`` cycles later."""

import numpy as np

from tb.bench_arith import ELEMENTS, products
from tb.lib.bench import bench_test


@bench_test
async def random_operands(bench):
    rng, config = bench.rng, bench.config
    corners = [c | s << (config.element_bits - 1) for s in (0, 1)
               for c in ELEMENTS[config.element]]
    latency = bench.component.latency
    pipe = [{} for _ in range(latency)]
    await bench.start()
    for _ in range(300):
        lanes, wanted = [], {}
        for n in range(config.multipliers):
            a, b = (rng.choice(corners) if rng.random() < 0.3 else rng.getrandbits(
                config.element_bits) for _ in "ab")
            lane = {"valid": int(rng.random() < 0.7), "acc": rng.getrandbits(1),
                    "index": rng.randrange(config.bank_depth), "a": a, "b": b}
            lanes.append(lane)
            if lane["valid"]:
                wanted[n] = lane
        pipe.append(wanted)
        bench.set("i", lanes)
        await bench.tick()
        due = pipe.pop(0)
        got = dict(bench.valid_elements("o"))
        assert got.keys() == due.keys()
        wanted = products(config.element, *(np.array([lane[x] for lane in due.values()], np.uint64)
                                            for x in "ab"))
        for (n, lane), product in zip(due.items(), wanted.tolist(), strict=True):
            assert got[n] == {"valid": 1, "acc": lane["acc"], "index": lane["index"],
                              "product": product}, f"lane {n}: {lane}"
