"""The decoder of compressed SqueezeNet, the model it becomes, and the photograph."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from dstc.errors import DstcError
from dstc.network import find_layers, fix_shapes

FOLDER = Path(__file__).resolve().parents[2] / "examples/squeezenet"
REAL = (Path(__file__).resolve().parents[3] / "shared/data/squeezenet-deep-compression"
        / "compressed_SqueezeNet.net")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("squeezenet_build", FOLDER / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compress(weights, bias, codebook):
    """One convolution in the format of the file: each weight by its own loop, fillers and all."""
    codes, gaps, since = [], [], 0
    index = {value: n for n, value in enumerate(codebook.tolist())}
    for value in weights.ravel().tolist():
        if value == 0 and since < 15:
            since += 1
        else:
            # A weight, or a filler of code 0 after fifteen zeros.
            codes.append(index[value])
            gaps.append(since)
            since = 0
    nibbles = [*gaps, 0] if len(gaps) % 2 else gaps
    packed = bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))
    return len(codes), (codebook.astype("<f4").tobytes() + bias.astype("<f4").tobytes()
                        + bytes(codes) + packed)


@pytest.fixture(scope="module")
def made(script, tmp_path_factory):
    """A file with random weights, and those weights."""
    rng = np.random.default_rng(71)
    codebook = np.concatenate([[0], rng.standard_normal(255) / 8]).astype(np.float32)
    counts, parts, want = [], [], {}
    for name, shape in script.convolutions():
        weights = codebook[rng.integers(0, 256, shape) * (rng.random(shape) < .1)]
        bias = rng.standard_normal(shape[0]).astype(np.float32)
        count, part = compress(weights, bias, codebook)
        counts.append(count)
        parts.append(part)
        want[f"{name}.weight"], want[f"{name}.bias"] = weights, bias
    path = tmp_path_factory.mktemp("net") / "compressed.net"
    path.write_bytes(np.array(counts, "<u4").tobytes() + b"".join(parts))
    return path, want


def test_decode(script, made):
    path, want = made
    got = script.decode(path)
    assert got.keys() == want.keys()
    for name, array in want.items():
        np.testing.assert_array_equal(got[name], array)


def test_model(script, made):
    """The shapes of SqueezeNet 1.0, and every layer found."""
    model = script.build(script.decode(made[0]))
    layers = find_layers(fix_shapes(model, {"image": (1, 3, 227, 227)})).layers
    assert [layer.name for layer in layers] == [name for name, _ in script.convolutions()]
    assert sum(layer.weight.size for layer in layers) == 1244448
    session = onnxruntime.InferenceSession(model.SerializeToString())
    scores, = session.run(None, {"image": script.photograph()})
    assert scores.shape == (1, 1000) and np.isfinite(scores).all() and scores.std() > 0


@pytest.mark.parametrize("spoil, sentence", [
    (lambda data: data[:50], r"File \S+bad.net must be \d+ bytes long, not 50"),
    (lambda data: data[:-1], r"File \S+bad.net must be \d+ bytes long, not \d+"),
    (lambda data: data + b"0", r"File \S+bad.net must be \d+ bytes long, not \d+"),
    (lambda data: data[:-999] + b"\xff" * 999,
     r"Weights of conv10 must be 512000, not reach 5[12]\d+"),
])
def test_damaged_file(script, made, tmp_path, spoil, sentence):
    path = tmp_path / "bad.net"
    path.write_bytes(spoil(made[0].read_bytes()))
    with pytest.raises(DstcError) as caught:
        script.decode(path)
    assert re.fullmatch(sentence, str(caught.value))


def test_photograph(script):
    image = script.photograph()
    assert image.shape == (1, 3, 227, 227) and image.dtype == np.float32
    whole = image[0] + np.array([104, 117, 123])[:, None, None]
    assert whole.min() >= 0 and whole.max() <= 255.01
    # Averaging keeps the mean of the square it was cut from, channel by channel.
    source = script.imread(Path(script.matplotlib.get_data_path()) / "sample_data"
                           / "grace_hopper.jpg")
    rows, columns = source.shape[:2]
    top, left = (rows - min(rows, columns)) // 2, (columns - min(rows, columns)) // 2
    square = source[top:top + min(rows, columns), left:left + min(rows, columns), ::-1]
    np.testing.assert_allclose(whole.mean(axis=(1, 2)), square.mean(axis=(0, 1)), rtol=1e-4)


@pytest.mark.skipif(not REAL.is_file(), reason="the data collection is not here")
def test_real_network(script):
    """Counts that the collection states, and an answer that fits a portrait in a suit."""
    weights = script.decode(REAL)
    arrays = [array for name, array in weights.items() if name.endswith(".weight")]
    zeros = sum(np.count_nonzero(array == 0) for array in arrays)
    assert round(zeros / sum(array.size for array in arrays), 4) == 0.6658
    session = onnxruntime.InferenceSession(script.build(weights).SerializeToString())
    scores, = session.run(None, {"image": script.photograph()})
    assert scores[0].argsort()[-2:].tolist() == [834, 457]
