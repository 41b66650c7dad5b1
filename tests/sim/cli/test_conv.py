"""``dstc conv`` as a user calls it."""

import dataclasses
import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.signal import correlate

from dstc.config import CONFIGS
from dstc.conv import ConvGeometry
from dstc_sim.cli import conv_product
from dstc_sim.runs import SimulationError

KEYS = {"engine", "config", "shape", "density", "bit_exact", "cycles", "dense_cycles", "speedup",
        "ohmma", "bins", "multiplier_utilization", "seconds", "geometry", "macs", "epilogue"}
BINS = ["issue", "conflict", "operand_wait", "drain", "idle"]
LAYER = ("--stride", "2,1", "--pad", "1,0,2,1", "--dilation", "1,2", "--groups", "2")


def lowered(x, geometry):
    """What each tap meets at each output position, a number at a time."""
    top, left, bottom, right = geometry.pads
    x = np.pad(x, ((0, 0), (top, bottom), (left, right)))
    rows = [[x[c, oh * geometry.stride[0] + i * geometry.dilation[0],
               ow * geometry.stride[1] + j * geometry.dilation[1]]
             for c in range(len(x)) for i in range(geometry.kernel[0])
             for j in range(geometry.kernel[1])]
            for oh in range(geometry.out_height) for ow in range(geometry.out_width)]
    return np.array(rows)


def executed(a, w, geometry, config):
    """OHMMA by the skip rule; a tap of a channel meets the outputs of its group only."""
    share, depth = geometry.outputs // geometry.groups, geometry.channels // geometry.groups
    total = 0
    for m in range(0, len(a), config.tile_m):
        for n in range(0, geometry.outputs, config.tile_n):
            for k in range(a.shape[1]):
                c, tap = divmod(k, geometry.kernel[0] * geometry.kernel[1])
                columns = sum(
                    w[o, c % depth].flat[tap] != 0
                    for o in range(n, min(n + config.tile_n, geometry.outputs))
                    if o // share == c // depth)
                rows = np.count_nonzero(a[m:m + config.tile_m, k])
                total += -(-rows // config.array_rows) * -(-columns // config.array_cols)
    return total


def convolved(x, w, bias):
    """Stride 2,1, pads 1,0,2,1, dilation 1,2 and two groups of two channels each, by scipy."""
    spread = np.zeros((*w.shape[:3], 2 * w.shape[3] - 1))
    spread[..., ::2] = w
    x = np.pad(x, ((0, 0), (1, 2), (0, 1)))
    return np.stack([
        sum(correlate(plane, kernel, mode="valid", method="direct")
            for plane, kernel in zip(x[n // 3 * 2:][:2], kernels, strict=True))[::2] + bias[n]
        for n, kernels in enumerate(spread)])


@pytest.fixture
def files(tmp_path):
    """x.npy (2, 4, 7, 8), one.npy its first image, w.npy (6, 2, 3, 2) and bias.npy; few bits."""
    rng = np.random.default_rng(103)
    x = np.where(rng.random((2, 4, 7, 8)) < .6, rng.integers(-99, 99, (2, 4, 7, 8)) / 8, 0)
    w = np.where(rng.random((6, 2, 3, 2)) < .5, rng.integers(-99, 99, (6, 2, 3, 2)) / 8, 0)
    bias = rng.integers(-999, 999, 6) / 4
    for name, array in (("x", x), ("one", x[0]), ("w", w), ("bias", bias)):
        np.save(tmp_path / f"{name}.npy", array)
    return x, w, bias


@pytest.fixture
def conv(run):
    """Run ``dstc conv ... --json``; the report."""
    def conv(*words):
        code, out, err = run("conv", *words, "--json")
        assert (code, err, out.count("\n")) == (0, "", 1)
        return json.loads(out)
    return conv


@pytest.mark.parametrize("engine", ["golden", "model", "rtl"])
def test_files(conv, files, tmp_path, engine):
    x, w, bias = files
    report = conv("x.npy", "w.npy", *LAYER, "--bias", "bias.npy", "--relu", "-o", "y.npy",
                  "--config", "tiny", "--engine", engine)
    assert report.keys() >= KEYS
    assert (report["engine"], report["config"], report["seed"]) == (engine, "tiny", None)
    assert report["bit_exact"] is True
    assert report["epilogue"] == {"bias": True, "relu": True, "encoded": False}
    want = np.stack([convolved(image, w, bias) for image in x])
    result = np.load(tmp_path / "y.npy")
    # Few enough bits that every order of summation is exact.
    assert result.dtype == np.float32
    assert_array_equal(result, np.maximum(want, 0))

    geometry = ConvGeometry(channels=4, height=7, width=8, outputs=6, kernel=(3, 2),
                            stride=(2, 1), pads=(1, 0, 2, 1), dilation=(1, 2), groups=2)
    assert report["geometry"] == {
        "images": 2, "channels": 4, "height": 7, "width": 8, "outputs": 6, "kernel": [3, 2],
        "stride": [2, 1], "pads": [1, 0, 2, 1], "dilation": [1, 2], "groups": 2,
        "out_height": want.shape[2], "out_width": want.shape[3]}
    places = want.shape[2] * want.shape[3]
    assert (report["shape"], report["macs"]) == ([2 * places, 6, 24], 2 * places * 6 * 12)
    a = [lowered(image, geometry) for image in x]
    config = CONFIGS["tiny"]
    assert report["ohmma"]["executed"] == sum(executed(each, w, geometry, config) for each in a)
    assert report["density"] == {
        "a": np.count_nonzero(a) / np.size(a), "b": np.count_nonzero(w) / (24 * 6),
        "x": np.count_nonzero(x) / x.size, "w": np.count_nonzero(w) / w.size}
    # Six k-tiles of four taps, one tile of outputs with both groups in it.
    dense = 2 * -(-places // config.tile_m) * 6 * config.dense_ohmma_per_tile
    assert report["dense_cycles"] == report["ohmma"]["dense"] == dense
    if engine == "golden":
        assert report["cycles"] is report["speedup"] is report["bins"] is None
    else:
        assert list(report["bins"]) == BINS
        assert sum(report["bins"].values()) == report["cycles"]
        assert report["speedup"] == report["dense_cycles"] / report["cycles"]


def test_one_image(conv, files, tmp_path):
    x, w, _ = files
    report = conv("one.npy", "w.npy", *LAYER, "-o", "y.npy")
    assert report["geometry"]["images"] == 1
    assert_array_equal(np.load(tmp_path / "y.npy"), convolved(x[0], w, np.zeros(6)))


@pytest.mark.parametrize("config, dtype", [("paper", np.float16), ("paper-bf16", np.float32)])
def test_encoded_results(conv, files, tmp_path, config, dtype):
    """fp16 as it is; numpy cannot name bf16 in a file."""
    x, w, bias = files
    report = conv("one.npy", "w.npy", *LAYER, "--bias", "bias.npy", "--encode", "--config", config,
                  "-o", "y.npy")
    assert report["epilogue"] == {"bias": True, "relu": False, "encoded": True}
    result, want = np.load(tmp_path / "y.npy"), convolved(x[0], w, bias)
    assert result.dtype == dtype
    # All results are of normal size: so many bits after the leading one.
    step = np.exp2(np.frexp(want)[1] - 1 - (10 if config == "paper" else 7))
    assert_array_equal(result, np.rint(want / step) * step)


def test_int8(conv, tmp_path):
    rng = np.random.default_rng(107)
    x, w = rng.integers(-128, 128, (3, 5, 5)), rng.integers(-128, 128, (4, 3, 1, 1))
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "w.npz", other=x, weight=w)
    words = ("x.npy", "w.npz:weight", "--config", "paper-int8", "-o", "y.npy")
    sums = np.einsum("chw,mc->mhw", x, w[:, :, 0, 0])
    conv(*words)
    result = np.load(tmp_path / "y.npy")
    assert result.dtype == np.int32
    assert_array_equal(result, sums)
    conv(*words, "--encode", "--scale", 0.00390625)
    result = np.load(tmp_path / "y.npy")
    assert result.dtype == np.int8
    assert_array_equal(result, np.clip(np.rint(sums / 256), -128, 127))


@pytest.mark.parametrize("words", [
    ("--shape", "5x6x7", "--kernel", "9x3x3", "--pad", "1,2"),
    ("--shape", "2x6x5x5", "--kernel", "12x2x2", "--groups", "6", "--encode", "--relu"),
    ("--shape", "3x4x4", "--kernel", "2x4x4", "--density-x", "0"),
    ("--shape", "4x9x3", "--kernel", "8x5x1", "--stride", "3", "--density-w", "1"),
])
def test_random_operands_on_rtl(conv, words):
    model, rtl = (conv(*words, "--seed", "5", "--config", "tiny", "--engine", engine)
                  for engine in ("model", "rtl"))
    assert model["bit_exact"] and rtl["bit_exact"] and rtl["seed"] == 5
    for key in ("shape", "geometry", "density", "ohmma"):
        assert model[key] == rtl[key]
    stalled = conv(*words, "--seed", "5", "--config", "tiny", "--engine", "rtl", "--stall", "0.4")
    assert stalled["bit_exact"] and stalled["ohmma"] == rtl["ohmma"]
    assert stalled["cycles"] > rtl["cycles"]


def test_random_operands_depend_on_the_seed_only(conv, tmp_path):
    words = ["--shape", "8x9x9", "--kernel", "8x3x3", "--density-x", "0.4", "--density-w", "0.3"]
    for name, seed, config in (("x", 7, "tiny"), ("y", 7, "small"), ("z", 8, "small")):
        report = conv(*words, "--seed", seed, "--config", config, "-o", f"{name}.npy")
        assert report["seed"] == seed
        assert .35 < report["density"]["x"] < .45 and .25 < report["density"]["w"] < .35
    x, y, z = (np.load(tmp_path / f"{name}.npy") for name in "xyz")
    assert_array_equal(x, y)
    assert (x != z).mean() > .9


def test_rounding_is_reported(conv, tmp_path):
    np.save(tmp_path / "x.npy", [[[1, 2049, 0.1]]])
    np.save(tmp_path / "w.npy", np.ones((1, 1, 1, 1)))
    np.save(tmp_path / "b.npy", [1e-60])
    report = conv("x.npy", "w.npy", "--bias", "b.npy")
    assert report["rounded"] == {"x": 2, "w": 0, "bias": 1}


def test_in_words(run, files):
    code, out, err = run("conv", "x.npy", "w.npy", *LAYER, "-o", "y.npy", "--engine", "model")
    assert (code, err) == (0, "")
    assert "2 of 4 x 7 x 8, kernel 3 x 2, to 6 x 4 x 7" in out
    assert "bit-exact" in out and "operand_wait" in out


def test_progress_goes_to_standard_error(run, files, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    code, out, err = run("conv", "x.npy", "w.npy", *LAYER)
    assert code == 0 and "golden model" in err and "golden model" not in out


def test_wrong_result(run, files, tmp_path, monkeypatch):
    right = conv_product.model_conv

    def wrong(*arguments):
        result = right(*arguments)
        out = result.out.copy()
        out.view(np.uint32)[0, 0, 0, 0] ^= 1
        return dataclasses.replace(result, out=out)
    monkeypatch.setattr(conv_product, "model_conv", wrong)
    code, out, err = run("conv", "x.npy", "w.npy", *LAYER, "--engine", "model", "-o", "y.npy",
                         "--json")
    assert (code, err) == (1, "dstc: the result differs from the golden model\n")
    assert json.loads(out)["bit_exact"] is False
    assert not (tmp_path / "y.npy").exists()


def test_failed_simulation(run, files, tmp_path, monkeypatch):
    def hang(*arguments):
        raise SimulationError("Core moved nothing")
    monkeypatch.setattr(conv_product, "rtl_conv", hang)
    code, out, err = run("conv", "x.npy", "w.npy", *LAYER, "--engine", "rtl", "-o", "y.npy")
    assert (code, out, err) == (1, "", "dstc: Core moved nothing\n")
    assert not (tmp_path / "y.npy").exists()


SHAPED = ("--shape", "4x5x6", "--kernel", "4x3x3")
NOT_WITH_FILES = ("Options --shape, --kernel, --density-x and --density-w must be given without "
                  "files, not with them")
INT8 = ("--config", "paper-int8", "--density-x", "0", "--density-w", "0")


@pytest.mark.parametrize("words, sentence", [
    ((), "Files of X and W, or --shape and --kernel, must be given, not neither"),
    (SHAPED[:2], "Files of X and W, or --shape and --kernel, must be given, not only --shape"),
    (("x.npy",), "Files must be given for X and W or for neither, not only x.npy"),
    (("x.npy", "w.npy", *SHAPED[2:]), NOT_WITH_FILES),
    (("x.npy", "w.npy", "--density-w", "0.5"), NOT_WITH_FILES),
    (("x.npy", "none.npy"), "Input must be an existing file, not none.npy"),
    (("x.npy", "text.npy"), "text.npy: array values must be booleans, integers or floats of at "
                            "most 64 bits, not <U1"),
    (("x.npy", "empty.npy"), "Array in empty.npy must have an element, not the shape (0, 2, 3, 3)"),
    (("x.npy", "w.mtx"), "File ending must be one of .npy, .npz, not that of w.mtx"),
    (("x.npy", "w.npy"), "Convolution weights must have 4 channels, as a group of the feature map "
                         "has, not 2"),
    (("bias.npy", "w.npy"), "Feature map must have the dimensions (C, H, W) or (N, C, H, W), not "
                            "the shape (6,)"),
    ((*SHAPED, "--bias", "bias.npy"), "Bias must have 4 values, one for each output channel, not "
                                      "the shape (6,)"),
    (("--shape", "4x5", *SHAPED[2:]),
     "Option --shape must be CxHxW or NxCxHxW with positive integers, not '4x5'"),
    ((*SHAPED[:2], "--kernel", "4x0x3"),
     "Option --kernel must be MxKHxKW with positive integers, not '4x0x3'"),
    (("--shape", "9999x9999x9999", *SHAPED[2:]), "Random operands must have at most 268435456 "
                                                 "elements, not a shape of 9999x9999x9999"),
    ((*SHAPED, "--density-x", "1.5"), "Density must be from 0 to 1, not 1.5"),
    ((*SHAPED, "--stride", "2x2"),
     "Option --stride must be integers with commas between them, not '2x2'"),
    ((*SHAPED, "--stride", "0"),
     "Convolution stride must be one or two integers from 1 to 16777216, not [0]"),
    ((*SHAPED, "--pad", "1,1,1"), "Convolution pads must be one, two or four integers from 0 to "
                                  "16777216, not [1, 1, 1]"),
    ((*SHAPED, "--dilation", "3"), "Convolution kernel must fit the padded feature map of 5 x 6, "
                                   "not cover 7 x 7"),
    ((*SHAPED, "--groups", "3"), "Convolution channels must be a multiple of groups=3, not 4"),
    ((*SHAPED, "--groups", "0"), "Convolution groups must be an integer from 1 to 16777216, not 0"),
    ((*SHAPED, "--pad", "99999"),
     "Lowered feature map must have at most 2147483648 elements, not 1440021600072"),
    ((*SHAPED, "--scale", "0.5"),
     "Option --scale must be given with --encode and elements of int8, not without"),
    ((*SHAPED, *INT8, "--encode"),
     "Option --scale must be given with --encode and elements of int8, not left out"),
    ((*SHAPED, *INT8, "--encode", "--scale", "-1"),
     "Factor of requantisation must be from 0 to 65535, not -1.0"),
    ((*SHAPED, "--config", "huge"),
     f"Configuration must be one of {', '.join(CONFIGS)}, not 'huge'"),
    ((*SHAPED, "--engine", "gpu"), "Engine must be one of golden, model, rtl, not 'gpu'"),
    ((*SHAPED, "--engine", "rtl", "--stall", "1"),
     "Stall probability must be from 0 to below 1, not 1.0"),
    ((*SHAPED, "--engine", "model", "--stall", "0.5"),
     "Option --stall must be given with --engine rtl, not model"),
    ((*SHAPED, "-o", "y.txt"), "Output name must end in .npy, not y.txt"),
    ((*SHAPED, "-o", "no/y.npy"),
     "Output must be a file that can be written, not no/y.npy (No such file or directory)"),
])
def test_refused(refused, files, tmp_path, words, sentence):
    np.save(tmp_path / "text.npy", np.array([["x"]]))
    np.save(tmp_path / "empty.npy", np.ones((0, 2, 3, 3)))
    (tmp_path / "w.mtx").write_text("")
    for extra in ((), ("--json",)):
        assert refused("conv", *words, *extra) == sentence
