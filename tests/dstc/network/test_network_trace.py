"""Mask traces: a made one by hand, the real ones against the counts that came with them."""

import csv
from pathlib import Path

import numpy as np
import pytest

from dstc.config import get_config
from dstc.errors import DstcError
from dstc.network import read_trace

PAPER = get_config("paper")
DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "activation-traces"
SQUEEZENET = DATA / "squeezenet_dc_chelsea.npz"
OPENNSFW = DATA / "opennsfw_resnet50thin_astronaut.npz"


def arrays():
    """Two layers: a padded 3x3 of one image of one pixel, and a dense strided 1x1."""
    x = np.zeros((2, 5, 3), bool)
    x[1, 2, 1] = True
    w = np.zeros((3, 2, 3, 3), bool)
    w[0, 1] = w[2, 1, 1, 1] = True
    return {
        "order": np.array(["second", "first"]),
        "first/xbits": np.packbits(x.reshape(2, -1), axis=1),
        "first/xshape": np.array(x.shape, np.int32), "first/wshape": np.array(w.shape, np.int32),
        "first/wbits": np.packbits(w.reshape(3, -1), axis=1),
        "first/stride_pad": np.array([1, 1], np.int32),
        "second/xbits": np.packbits(np.ones((4, 35), bool), axis=1),
        "second/xshape": np.array([4, 5, 7]), "second/wshape": np.array([6, 4, 1, 1]),
        "second/stride_pads": np.array([2, 3, 0, 0, 0, 0]),
    }


def test_made_trace(tmp_path):
    np.savez(tmp_path / "trace.npz", **arrays())
    second, first = read_trace(tmp_path / "trace.npz")
    assert (first.name, second.name) == ("first", "second")
    assert np.argwhere(first.x[0]).tolist() == [[1, 2, 1]] and first.w.sum() == 10
    counts = first.counts(PAPER)
    # The pixel meets each of the nine taps at one of 15 positions, and every tap has one or, in
    # the middle, two outputs.
    assert (counts.a_nonzeros, counts.products, counts.dual) == (9, 10, 9)
    assert (counts.macs, counts.dense) == (15 * 3 * 18, 8 * 18)
    # Rows 0, 2, 4 and columns 0, 3, 6 of the map: 9 of 32 rows, two groups of eight.
    assert second.geometry.positions == 9 and second.w.all()
    assert second.counts(PAPER).dual == 2 * 4
    assert second.counts(PAPER).products == 9 * 6 * 4


@pytest.mark.parametrize("change, sentence", [
    ({"first/xshape": np.array([2, 5])}, "Trace array first/xshape must be 3 integers from 0"),
    ({"first/xshape": np.array([-2, 5, 3])}, "Trace array first/xshape must be 3 integers from 0"),
    ({"first/xbits": np.zeros((2, 3), np.uint8)},
     "Trace array first/xbits must be uint8 of shape (2, 2), not uint8 of (2, 3)"),
    ({"first/wshape": np.array([3, 5, 3, 3])},
     "Trace layer first must have weights for a divisor of its 2 channels, not 5"),
    ({"second/wshape": np.array([1 << 28, 4, 1, 1])}, "Convolution outputs must be an integer"),
    ({"second/wshape": np.array([1 << 24, 4, 1 << 6, 1])}, "Convolution kernel must fit"),
    ({"second/wshape": np.array([1 << 24, 4, 5, 7])}, "must have at most 536870912 weights"),
    ({"second/stride_pads": np.array([1, 1, 1 << 20, 1 << 20, 1 << 20, 1 << 20])},
     "Layer second must have a padded feature map of at most"),
    ({"first/stride_pad": np.array([0, 1])}, "Trace layer first: Convolution stride must be"),
    ({"order": np.array(["third"])}, "must be one of"),
    ({"order": np.array([], "U1")}, "must hold from 1 to 4096 layers"),
])
def test_refused(tmp_path, change, sentence):
    np.savez(tmp_path / "trace.npz", **arrays() | change)
    with pytest.raises(DstcError) as refusal:
        read_trace(tmp_path / "trace.npz")
    assert sentence in str(refusal.value) and "\n" not in str(refusal.value)


def test_no_archive(tmp_path):
    (tmp_path / "trace.npz").write_bytes(b"PK but not really")
    with pytest.raises(DstcError, match=r"must be a valid NumPy archive of masks"):
        read_trace(tmp_path / "trace.npz")


@pytest.mark.skipif(not SQUEEZENET.exists(), reason="the recorded traces are not here")
def test_pruned_squeezenet():
    """The pruned SqueezeNet on a photograph: all eight columns, in every layer."""
    with open(DATA / "golden_squeezenet_dc_chelsea.csv", newline="") as file:
        golden = list(csv.DictReader(file))
    works = read_trace(SQUEEZENET)
    assert [work.name for work in works] == [row["layer"] for row in golden] and len(golden) == 26
    for work, row in zip(works, golden, strict=True):
        counts, want = work.counts(PAPER), {key: int(row[key]) for key in row if key != "layer"}
        assert {"M": work.geometry.outputs, "K": work.geometry.k, "N": work.geometry.positions,
                "nnz_w": counts.b_nonzeros, "nnz_x_im2col": counts.a_nonzeros,
                "effectual_macs": counts.products, "instr_w8_a16": counts.swapped,
                "instr_w16_a8": counts.dual, "instr_dense_8x16": counts.dense} == want


@pytest.mark.skipif(not OPENNSFW.exists(), reason="the recorded traces are not here")
def test_dense_weights():
    """A ResNet-50 with dense weights: 1.07 GMAC in 53 convolutions."""
    works = read_trace(OPENNSFW)
    counts = [work.counts(PAPER) for work in works]
    assert len(works) == 53 and all(count.b_nonzeros == count.b_elements for count in counts)
    assert round(sum(count.macs for count in counts) / 1e7) == 107
    assert all(count.a_only == count.dual for count, work in zip(counts, works, strict=True)
               if work.geometry.outputs % 32 == 0)
