"""Counts of layers against loops over every tile and every k-step."""

import numpy as np
import pytest

from dstc.beats import tile_records
from dstc.config import get_config
from dstc.conv import ConvGeometry
from dstc.formats import encode
from dstc.network import ConvWork, MatMulWork, add_counts, lane_factors, limit

TINY, SMALL, PAPER = map(get_config, ("tiny", "small", "paper"))
# Tiles that differ on the two sides.
UNEVEN = PAPER.replace(name="uneven", tile_m=32, tile_n=16, tile_k=8)


def lowered(x, geometry):
    """One window after the other, straight from the definition of a convolution."""
    top, left = geometry.pads[:2]
    rows = []
    for oh in range(geometry.out_height):
        for ow in range(geometry.out_width):
            row = []
            for c in range(geometry.channels):
                for i in range(geometry.kernel[0]):
                    for j in range(geometry.kernel[1]):
                        h = oh * geometry.stride[0] + i * geometry.dilation[0] - top
                        w = ow * geometry.stride[1] + j * geometry.dilation[1] - left
                        inside = 0 <= h < geometry.height and 0 <= w < geometry.width
                        row.append(bool(x[c, h, w]) if inside else False)
            rows.append(row)
    return np.array(rows)


def block_diagonal(w, groups):
    """The weight matrix K x N, group by group."""
    outputs, depth = len(w), w[0].size
    b = np.zeros((groups * depth, outputs), bool)
    for n in range(outputs):
        group = n // (outputs // groups)
        b[group * depth:(group + 1) * depth, n] = w[n].ravel()
    return b


def loops(a, b, config):
    """Sums over every tile pair and k-step of one product."""
    def tiles(length, tile):
        return [slice(start, start + tile) for start in range(0, length, tile)]

    count = dict.fromkeys(("dual", "a_only", "b_only", "products", "row_values", "column_values",
                           "tile_pairs", "swapped"), 0)
    for rows in tiles(len(a), config.tile_m):
        for columns in tiles(b.shape[1], config.tile_n):
            for ks in tiles(a.shape[1], config.tile_k):
                count["tile_pairs"] += bool(a[rows, ks].any() and b[ks, columns].any())
            for k in range(a.shape[1]):
                x, y = int(a[rows, k].sum()), int(b[k, columns].sum())
                g, h = -(-x // config.array_rows), -(-y // config.array_cols)
                count["dual"] += g * h
                count["a_only"] += g * config.col_groups
                count["b_only"] += config.row_groups * h
                count["products"] += x * y
                count["row_values"] += x * h
                count["column_values"] += g * y
    for rows in tiles(len(a), config.tile_n):
        for columns in tiles(b.shape[1], config.tile_m):
            for k in range(a.shape[1]):
                count["swapped"] += (-(-int(a[rows, k].sum()) // config.array_cols)
                                     * -(-int(b[k, columns].sum()) // config.array_rows))
    return count


def load_cycles(a, b, config):
    """From the records of the encoded operands: how long all loads of each side take."""
    sides = encode(a.astype(np.float16), "A", config), encode(b.astype(np.float16), "B", config)
    cycles, there = [], []
    for encoded in sides:
        beats = np.diff(tile_records(encoded, config).starts)
        cycles.append((beats + config.tile_k // 4).reshape(encoded.outer_tiles, -1))
        there.append((np.diff(encoded.offsets) > 0).reshape(encoded.outer_tiles, -1))
    totals = [0, 0]
    for i in range(len(there[0])):
        for j in range(len(there[1])):
            both = there[0][i] & there[1][j]
            totals[0] += int(cycles[0][i][both].sum())
            totals[1] += int(cycles[1][j][both].sum())
    return totals


def check(work, products, config, dense):
    counts = work.counts(config)
    for name in ("dual", "products", "b_only", "row_values", "column_values", "swapped"):
        assert getattr(counts, name) == sum(loops(a, b, config)[name] for a, b in products), name
    assert counts.dense == dense and counts.half == -(-dense // 2)
    assert counts.pair_cycles == 3 * sum(loops(a, b, config)["tile_pairs"] for a, b in products)
    assert counts.a_nonzeros == sum(int(a.sum()) for a, _ in products)
    assert counts.a_elements == sum(a.size for a, _ in products)
    loads = [load_cycles(a, b, config) for a, b in products]
    assert counts.a_loads == sum(a for a, _ in loads)
    assert counts.b_loads == sum(b for _, b in loads)
    assert counts.cycles == max(counts.dual, counts.a_loads, counts.b_loads, counts.pair_cycles,
                                counts.drains)
    return counts


@pytest.mark.parametrize("config", [TINY, SMALL, UNEVEN], ids=lambda config: config.name)
@pytest.mark.parametrize("facts", [
    {"channels": 3, "outputs": 5, "kernel": 3, "pads": 1},
    {"channels": 4, "outputs": 6, "kernel": (2, 3), "stride": (2, 1), "pads": (0, 1, 2, 0)},
    {"channels": 6, "outputs": 9, "kernel": 3, "dilation": 2, "pads": 2, "groups": 3},
    {"channels": 12, "outputs": 12, "kernel": 3, "pads": 1, "groups": 12},
    {"channels": 8, "outputs": 40, "kernel": 1, "groups": 2},
    {"channels": 20, "outputs": 17, "kernel": 1, "stride": 2},
], ids=["3x3", "uneven", "dilated groups", "depthwise", "1x1 groups", "strided 1x1"])
def test_convolution(facts, config):
    geometry = ConvGeometry(height=7, width=6, **facts)
    rng = np.random.default_rng(geometry.k)
    x = rng.random((2, *geometry.x_shape)) < .4
    w = rng.random(geometry.w_shape) < .5
    work = ConvWork(name="conv", op="Conv", geometry=geometry, x=x, w=w)
    products = [(lowered(image, geometry), block_diagonal(w, geometry.groups)) for image in x]
    assert all(np.array_equal(have, want) for pair in zip(work.products(), products, strict=True)
               for have, want in zip(*pair, strict=True))
    tiles = -(-geometry.positions // config.tile_m)
    group_tiles = -(-geometry.group_outputs // config.tile_n)
    counts = check(work, products, config,
                   2 * tiles * group_tiles * geometry.k * config.dense_ohmma_per_step)
    if geometry.groups == 1:
        assert counts.a_only == sum(loops(a, b, config)["a_only"] for a, b in products)
    assert counts.macs == 2 * geometry.macs
    assert (counts.x_elements, counts.x_nonzeros) == (x.size, x.sum())
    assert (counts.b_elements, counts.b_nonzeros) == (w.size, w.sum())
    assert counts.a_tiles == 2 * tiles * -(-geometry.k // config.tile_k)


@pytest.mark.parametrize("config", [TINY, UNEVEN], ids=lambda config: config.name)
@pytest.mark.parametrize("shared", [True, False])
def test_batched_product(shared, config):
    rng = np.random.default_rng(5)
    a = rng.random((3, 19, 21)) < .3
    b = rng.random((1 if shared else 3, 35, 21)) < .4
    work = MatMulWork(name="m", op="MatMul", a=a, b=b)
    products = [(a[n], b[0 if shared else n].T) for n in range(3)]
    tiles = -(-19 // config.tile_m) * -(-35 // config.tile_n)
    counts = check(work, products, config, 3 * tiles * 21 * config.dense_ohmma_per_step)
    assert counts.macs == 3 * 19 * 21 * 35
    assert counts.drains == 3 * tiles * config.c_beats


def test_counts_add_up():
    rng = np.random.default_rng(1)
    one, two = (MatMulWork(name="m", op="MatMul", a=rng.random((1, 9, 8)) < .5,
                           b=rng.random((1, 7, 8)) < .5).counts(TINY) for _ in range(2))
    both = add_counts([one, two])
    assert both.dual == one.dual + two.dual and both.b_loads == one.b_loads + two.b_loads


def matmul(a, b):
    return MatMulWork(name="m", op="MatMul", a=np.asarray(a)[None], b=np.asarray(b)[None])


def test_what_limits():
    """One layer for each answer, on the paper's core: 8 x 16 multipliers, tiles of 32 x 32."""
    full, empty = np.ones((64, 512), bool), np.zeros((64, 512), bool)
    alternate = np.zeros((64, 512), bool)
    alternate[:, ::2] = True
    nine = np.zeros((64, 512), bool)
    # Nine of 32 rows: two groups of eight, little more than half used.
    nine[:9], nine[32:41] = True, True
    seventeen = np.zeros((64, 512), bool)
    seventeen[:17], seventeen[32:49] = True, True
    one_each = np.zeros((64, 512), bool)
    one_each[[0, 32]] = True
    for a, b, name in ((full, empty, "no work"), (full, full, "effectual MACs"),
                       (alternate, full, "effectual MACs"), (full[:3], full, "few rows"),
                       (full, full[:5], "few columns"), (nine, full, "fragments of A"),
                       (full, seventeen, "fragments of B"), (full[:, :1], full[:, :1], "drains"),
                       (full, one_each[:, ::-1] & alternate, "loads of A")):
        counts = matmul(a, b).counts(PAPER)
        assert limit(counts, PAPER) == name
    factors = lane_factors(matmul(nine, full[:24]).counts(PAPER), PAPER)
    assert factors == {"few rows": 1, "few columns": .75, "fragments of A": 9 / 16,
                       "fragments of B": 1}
