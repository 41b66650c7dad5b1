"""The network's convolutions as a chain for the core."""

import numpy as np

from ..conv import ConvGeometry, Epilogue
from ..conv.chain import ChainLayer
from .network import BLOCKS, LAYERS, Network

__all__ = ["SOURCE", "cnn_chain", "cnn_input"]

SOURCE = "image"


def cnn_chain(network: Network) -> list[ChainLayer]:
    """All convolutions up to the mean over positions, FP16.

    A residual block starts the sums of its second convolution from the raw results of the branch
    beside it, so that bias, ReLU and rounding come once, behind the sum.

    Parameters
    ----------
    network : Network
    """
    layers: list[ChainLayer] = []

    def add(name: str, x: str, size: tuple[int, int], raw: bool = False, c: str | None = None
            ) -> tuple[int, int]:
        layer = LAYERS[name]
        geometry = ConvGeometry(channels=layer.inputs, height=size[0], width=size[1],
                                outputs=layer.outputs, kernel=layer.kernel, stride=layer.stride,
                                pads=layer.padding)
        layers.append(ChainLayer(
            name=name, x=x, c=c, w=network.weights[name], geometry=geometry,
            epilogue=Epilogue(bias=network.biases[name], relu=not raw, raw=raw)))
        return geometry.out_height, geometry.out_width

    size = add("stem", SOURCE, (28, 28))
    before = "stem"
    for block in BLOCKS:
        add(f"{block}.skip", before, size, raw=True)
        size = add(f"{block}.conv1", before, size)
        add(f"{block}.conv2", f"{block}.conv1", size, c=f"{block}.skip")
        before = f"{block}.conv2"
    return layers


def cnn_input(image: np.ndarray) -> np.ndarray:
    """The feature map of an image, uint8 (28, 28): FP16 (1, 28, 28)."""
    return (image[np.newaxis] / np.float32(256)).astype(np.float16)
