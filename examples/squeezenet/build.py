"""Deep-Compressed SqueezeNet as an ONNX model, and a photograph for it.

Usage: python examples/squeezenet/build.py compressed_SqueezeNet.net --out build/squeezenet
"""

import argparse
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import onnx
from matplotlib.image import imread
from onnx import TensorProto, helper, numpy_helper

from dstc.errors import DstcError
from dstc.fileio import atomic_write, existing_file

SIZE = 227
MEAN_BGR = (104, 117, 123)
# Squeeze, expand 1x1, expand 3x3; pools stand behind conv1, fire4 and fire8.
FIRES = {"fire2": (16, 64), "fire3": (16, 64), "fire4": (32, 128), "fire5": (32, 128),
         "fire6": (48, 192), "fire7": (48, 192), "fire8": (64, 256), "fire9": (64, 256)}
POOLED = ("conv1", "fire4", "fire8")


def convolutions() -> list[tuple[str, tuple[int, int, int, int]]]:
    """Names and weight shapes in the order of the file."""
    shapes: list[tuple[str, tuple[int, int, int, int]]] = [("conv1", (96, 3, 7, 7))]
    channels = 96
    for fire, (squeeze, expand) in FIRES.items():
        shapes += [(f"{fire}.squeeze", (squeeze, channels, 1, 1)),
                   (f"{fire}.expand1x1", (expand, squeeze, 1, 1)),
                   (f"{fire}.expand3x3", (expand, squeeze, 3, 3))]
        channels = 2 * expand
    return [*shapes, ("conv10", (1000, channels, 1, 1))]


def decode(path: Path) -> dict[str, np.ndarray]:
    """Weights and biases of the compressed file.

    A convolution is a codebook of 256 values, its biases, a code for every stored weight and,
    in four bits each, how many zeros stand before it.

    Raises
    ------
    DstcError
        If the file has another length, or a weight lies outside its convolution.
    """
    data = existing_file(path).read_bytes()
    shapes = convolutions()
    stored = np.frombuffer(data, "<u4", min(len(shapes), len(data) // 4)).tolist()
    at, wanted = 4 * len(shapes), 4 * len(shapes)
    for (_, shape), count in zip(shapes, stored, strict=False):
        wanted += 4 * (256 + shape[0]) + count + -(-count // 2)
    if len(stored) < len(shapes) or len(data) != wanted:
        raise DstcError(f"File {path} must be {wanted} bytes long, not {len(data)}")
    weights: dict[str, np.ndarray] = {}
    for (name, shape), count in zip(shapes, stored, strict=True):
        def take(kind: str, number: int) -> np.ndarray:
            nonlocal at
            part = np.frombuffer(data, kind, number, at)
            at += part.nbytes
            return part

        codebook, bias, codes = take("<f4", 256), take("<f4", shape[0]), take("u1", count)
        packed = take("u1", -(-count // 2))
        gaps = np.stack([packed & 15, packed >> 4], axis=1).ravel()[:count].astype(np.int64)
        places = np.cumsum(gaps + 1) - 1
        size = int(np.prod(shape))
        if count and places[-1] >= size:
            raise DstcError(f"Weights of {name} must be {size}, not reach {places[-1] + 1}")
        values = np.full(size, codebook[0], np.float32)
        values[places] = codebook[codes]
        weights[f"{name}.weight"], weights[f"{name}.bias"] = values.reshape(shape), bias.copy()
    return weights


def build(weights: dict[str, np.ndarray]) -> Any:
    """The ONNX model: input (N, 3, 227, 227), blue first, minus the mean."""
    nodes: list[Any] = []

    def conv(name: str, x: str, **attributes: Any) -> str:
        nodes.append(helper.make_node("Conv", [x, f"{name}.weight", f"{name}.bias"],
                                      [f"{name}.sum"], name=name, **attributes))
        nodes.append(helper.make_node("Relu", [f"{name}.sum"], [name]))
        return name

    def pool(x: str) -> str:
        nodes.append(helper.make_node("MaxPool", [x], [f"{x}.pool"], kernel_shape=[3, 3],
                                      strides=[2, 2], ceil_mode=1))
        return f"{x}.pool"

    x = pool(conv("conv1", "image", strides=[2, 2]))
    for fire in FIRES:
        squeeze = conv(f"{fire}.squeeze", x)
        both = [conv(f"{fire}.expand1x1", squeeze),
                conv(f"{fire}.expand3x3", squeeze, pads=[1, 1, 1, 1])]
        nodes.append(helper.make_node("Concat", both, [fire], axis=1))
        x = pool(fire) if fire in POOLED else fire
    nodes.append(helper.make_node("GlobalAveragePool", [conv("conv10", x)], ["mean"]))
    nodes.append(helper.make_node("Flatten", ["mean"], ["scores"]))
    graph = helper.make_graph(
        nodes, "squeezenet",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 1000])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def photograph() -> np.ndarray:
    """The portrait that matplotlib ships, cut square and shrunk by averaging."""
    picture = imread(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg")
    side = min(picture.shape[:2])
    top, left = (np.array(picture.shape[:2]) - side) // 2
    square = picture[top:top + side, left:left + side].astype(np.float64)
    # Area weights of every source row in every target row; the same for columns.
    edges = np.linspace(0, side, SIZE + 1)
    cells = np.arange(side)
    share = np.clip(np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells),
                    0, None) * SIZE / side
    small = np.einsum("ij,jkc,lk->ilc", share, square, share, optimize=True)
    return (small[:, :, ::-1] - MEAN_BGR).transpose(2, 0, 1)[None].astype(np.float32)


def main() -> None:
    """Write ``model.onnx`` and ``image.npy``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=Path, help="compressed_SqueezeNet.net")
    parser.add_argument("--out", type=Path, default=Path("build/squeezenet"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        model = build(decode(options.network))
    except DstcError as error:
        raise SystemExit(f"build.py: {error}") from None
    with atomic_write(options.out / "model.onnx") as file:
        file.write(model.SerializeToString(deterministic=True))
    with atomic_write(options.out / "image.npy") as file:
        np.save(file, photograph())
    print(options.out / "model.onnx", options.out / "image.npy", sep="\n")


if __name__ == "__main__":
    main()
