"""The network: what its layers are, what it answers, what enters each layer."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from ..conv import ConvGeometry, im2col
from ..errors import DstcError

__all__ = ["LAYERS", "Layer", "Network", "load_digits"]

BATCH = 50


@dataclass(frozen=True)
class Layer:
    """One convolution (the fully connected head is one of 1 x 1 on a 1 x 1 map).

    Attributes
    ----------
    name : str
        Name used in files, options and reports.
    inputs, outputs : int
        Channels.
    kernel, stride, padding : int
        Side of the square kernel, step in both directions, zeros added on all four edges.
    pruned : bool
        Whether weights were pruned; the first and the last layer stay dense.
    """

    name: str
    inputs: int
    outputs: int
    kernel: int
    stride: int
    padding: int
    pruned: bool = True

    def geometry(self, height: int, width: int) -> ConvGeometry:
        """The layer when a feature map of that size enters it."""
        return ConvGeometry(channels=self.inputs, height=height, width=width, outputs=self.outputs,
                            kernel=self.kernel, stride=self.stride, pads=self.padding)


LAYERS = {
    layer.name: layer
    for layer in (
        Layer("stem", 1, 32, 3, 1, 1, pruned=False),
        Layer("block1.conv1", 32, 64, 3, 2, 1),
        Layer("block1.conv2", 64, 64, 3, 1, 1),
        Layer("block1.skip", 32, 64, 1, 2, 0),
        Layer("block2.conv1", 64, 128, 3, 2, 1),
        Layer("block2.conv2", 128, 128, 3, 1, 1),
        Layer("block2.skip", 64, 128, 1, 2, 0),
        Layer("head", 128, 10, 1, 1, 0, pruned=False),
    )
}
"""Every layer, in the order of the forward pass; input 28 x 28, blocks at 14 x 14 and 7 x 7."""

BLOCKS = ("block1", "block2")

Convolve = Callable[[str, np.ndarray], np.ndarray]


class Network:
    """A residual network with ReLU and folded batch norm, in numpy.

    What enters a layer is rounded to FP16 and its products are summed to FP32, as the core
    does it, so a captured feature map *is* an operand of the core.  The sums run in FP64: the
    FP32 result then does not depend on the order in which a BLAS adds.

    Parameters
    ----------
    weights : dict of ndarray
        Per layer (outputs, inputs, kernel, kernel), float16.
    biases : dict of ndarray
        Per layer (outputs,), float32.
    record : dict
        What training measured (``examples/pruned_cnn/README.md``).
    """

    def __init__(self, weights: dict[str, np.ndarray], biases: dict[str, np.ndarray],
                 record: dict[str, Any]) -> None:
        self.weights = weights
        self.biases = biases
        self.record = record

    @classmethod
    def load(cls) -> "Network":
        """The committed network."""
        with (resources.files(__package__) / "weights.npz").open("rb") as file, \
                np.load(file) as stored:
            return cls({name: stored[f"{name}.weight"] for name in LAYERS},
                       {name: stored[f"{name}.bias"] for name in LAYERS},
                       json.loads(str(stored["record"])))

    @staticmethod
    def layer(name: str) -> Layer:
        """The named layer.

        Raises
        ------
        DstcError
            If there is no such layer.
        """
        try:
            return LAYERS[name]
        except KeyError:
            raise DstcError(f"Layer must be one of {', '.join(LAYERS)}, not {name!r}") from None

    def convolve(self, name: str, x: np.ndarray) -> np.ndarray:
        """One layer: FP16 (N, C, H, W) to FP32 (N, M, OH, OW)."""
        geometry = self.layer(name).geometry(*x.shape[2:])
        kernel = self.weights[name].reshape(geometry.outputs, -1).astype(np.float64)
        product = kernel @ im2col(x.astype(np.float64), geometry).swapaxes(1, 2)
        product += self.biases[name][:, np.newaxis]
        return product.astype(np.float32).reshape(x.shape[0], *geometry.out_shape)

    def logits(self, images: np.ndarray, convolve: Convolve | None = None) -> np.ndarray:
        """The answers to some images.

        Parameters
        ----------
        images : ndarray of uint8, shape (N, 28, 28)
            Bright digit on a dark ground.
        convolve : callable, optional
            Stands in for :meth:`convolve`: it sees, or computes, every layer.

        Returns
        -------
        ndarray of float32, shape (N, 10)
            The largest of a row is the digit.
        """
        if images.ndim != 3 or images.shape[1:] != (28, 28) or images.dtype != np.uint8:
            raise DstcError("Images must be uint8 of shape (N, 28, 28), "
                            f"not {images.dtype} of shape {images.shape}")
        run = convolve or self.convolve

        def conv(name: str, x: np.ndarray) -> np.ndarray:
            return run(name, x.astype(np.float16))

        def relu(x: np.ndarray) -> np.ndarray:
            return np.maximum(x, np.float32(0))

        def forward(batch: np.ndarray) -> np.ndarray:
            x = relu(conv("stem", batch[:, np.newaxis] / np.float32(256)))
            for block in BLOCKS:
                inner = relu(conv(f"{block}.conv1", x))
                x = relu(conv(f"{block}.conv2", inner) + conv(f"{block}.skip", x))
            return conv("head", x.mean(axis=(2, 3), keepdims=True, dtype=np.float64))[:, :, 0, 0]

        return np.concatenate([forward(images[start:start + BATCH])
                               for start in range(0, len(images), BATCH)])

    def classify(self, images: np.ndarray) -> np.ndarray:
        """The digit seen in each image, shape (N,)."""
        return self.logits(images).argmax(axis=1)

    def capture(self, image: np.ndarray, name: str) -> np.ndarray:
        """What enters a layer for one image of shape (28, 28): float16 (C, H, W)."""
        self.layer(name)
        seen: dict[str, np.ndarray] = {}

        def watch(layer: str, x: np.ndarray) -> np.ndarray:
            seen[layer] = x[0]
            return self.convolve(layer, x)

        self.logits(image[np.newaxis], watch)
        return seen[name]

    def answer_with(self, image: np.ndarray, name: str, feature_map: np.ndarray) -> np.ndarray:
        """The ten logits when a layer's output, (M, OH, OW), was computed elsewhere."""
        self.layer(name)

        def replace(layer: str, x: np.ndarray) -> np.ndarray:
            return feature_map[np.newaxis] if layer == name else self.convolve(layer, x)

        return self.logits(image[np.newaxis], replace)[0]


def load_digits() -> tuple[np.ndarray, np.ndarray]:
    """The held-out digits: images uint8 (1000, 28, 28) and labels uint8 (1000,), in turn 0 to 9.

    A subset of MNIST (Y. LeCun, C. Cortes; CC BY-SA 3.0) that the network never saw in training.
    """
    with (resources.files(__package__) / "digits.npz").open("rb") as file, \
            np.load(file) as stored:
        return stored["images"], stored["labels"]
