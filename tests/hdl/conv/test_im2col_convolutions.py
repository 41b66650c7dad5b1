"""Im2col unit with the compiler's programs: the records are those of the lowered feature map."""

import numpy as np
import pytest
from unit_bench import CONFIGS, Bench

from dstc.beats import tile_records
from dstc.conv.featuremap import encode_map
from dstc.conv.gather import gather_program
from dstc.conv.geometry import ConvGeometry
from dstc.formats import encode
from dstc_hdl.conv.im2col import Im2col

CONVOLUTIONS = {
    "3x3": {"channels": 5, "height": 6, "width": 7, "kernel": 3, "pads": 1},
    "1x1": {"channels": 6, "height": 5, "width": 5, "kernel": 1},
    "5x5, even stride": {
        "channels": 2, "height": 9, "width": 9, "kernel": 5, "stride": 2, "pads": 2},
    "stride beyond the kernel": {
        "channels": 3, "height": 10, "width": 11, "kernel": 2, "stride": 3},
    "dilation": {
        "channels": 2, "height": 11, "width": 9, "kernel": 3, "dilation": 2, "pads": 2},
    "uneven": {
        "channels": 3, "height": 5, "width": 12, "kernel": (1, 4), "stride": (2, 1),
        "pads": (0, 1, 1, 2)},
}


def lowered(x, geometry):
    """By definition, element by element."""
    (kernel_h, kernel_w), pads = geometry.kernel, geometry.pads
    height = (x.shape[1] + pads[0] + pads[2] - geometry.dilation[0] * (kernel_h - 1) - 1
              ) // geometry.stride[0] + 1
    width = (x.shape[2] + pads[1] + pads[3] - geometry.dilation[1] * (kernel_w - 1) - 1
             ) // geometry.stride[1] + 1
    padded = np.pad(x, ((0, 0), pads[0::2], pads[1::2]))
    rows = [[padded[c, h * geometry.stride[0] + i * geometry.dilation[0],
                    w * geometry.stride[1] + j * geometry.dilation[1]]
             for c in range(x.shape[0]) for i in range(kernel_h) for j in range(kernel_w)]
            for h in range(height) for w in range(width)]
    return np.array(rows, x.dtype)


def beats(records, order, config):
    """Beats of records in that order."""
    ends = records.starts[1:] - 1
    return [{"data": int.from_bytes(records.data[beat].tobytes(), "little"),
             "last": int(beat == ends[tile])}
            for tile in order for beat in range(records.starts[tile], records.starts[tile + 1])]


@pytest.mark.parametrize("name", ["tiny", "small"])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolutions(name, case):
    config, rng = CONFIGS[name], np.random.default_rng(59)
    geometry = ConvGeometry(outputs=3, **CONVOLUTIONS[case])
    x = rng.standard_normal((geometry.channels, geometry.height, geometry.width)).astype(
        config.format.dtype)
    x[rng.random(x.shape) < .4] = 0
    want = encode(lowered(x, geometry), "A", config)
    # Of some k-tiles there are no weights.
    occupied = rng.random((1, want.k_tiles)) < .8
    occupied[0, 0] = True
    program = gather_program(geometry, occupied, config)
    bench = Bench(Im2col(config), seed=59)
    bench.drive("instr", program.words.tolist())
    bench.drive("x", beats(tile_records(encode_map(x, config), config), program.order, config))
    out, errors = bench.take("o"), []
    bench.after(lambda cycle, error: errors.append(error), "error")
    order = [outer * want.k_tiles + k for outer in range(want.outer_tiles)
             for k in np.flatnonzero(occupied[0])]
    expected = beats(tile_records(want, config), order, config)
    bench.run(lambda: len(out.tokens) == len(expected) or any(errors), 6000)
    assert out.tokens == expected
