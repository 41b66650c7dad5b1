"""Non-zeros of real networks, for the page on adversaries."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dstc.config import Config
from dstc.elements import ELEMENTS
from dstc.pruned_cnn import LAYERS, Network, load_digits, lower

sys.path.append(str(Path(__file__).parent / "accumulator"))

from scatter_masks import traces

__all__ = ["real_masks"]

Bits = NDArray[np.bool_]
OUTPUTS = 256       # of the pruned network's positions, at most


def real_masks(config: Config, folder: Path | None) -> Iterator[tuple[str, str, Bits, Bits]]:
    """Source, layer, and the non-zeros of A (weights) and B (activations), layer by layer.

    The pruned network comes with dstc; SqueezeNet on an image is taken from the data collection
    in ``folder`` if it is there, some tile pairs of each layer, one after the other along K.
    """
    network = Network.load()
    image = load_digits()[0][0]
    for name in LAYERS:
        lowered = lower(network, name, network.capture(image, name), ELEMENTS[config.element])
        yield "pruned CNN on a digit", name, lowered.a != 0, lowered.b[:, :OUTPUTS] != 0
    if folder is not None:
        for name, steps in traces(config, folder).items():
            yield "SqueezeNet on a photograph", name, steps.rows.T.copy(), steps.cols
