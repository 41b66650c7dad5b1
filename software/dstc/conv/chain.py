"""Chains of convolutions: what leaves one layer encoded enters the next as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ..elements import Element
from ..errors import DstcError
from .epilogue import Epilogue
from .geometry import ConvGeometry
from .golden import convolution

__all__ = ["ChainLayer", "check_chain", "golden_chain"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ChainLayer:
    """One convolution of a chain.

    Attributes
    ----------
    name : str
    x : str
        Name of an earlier layer with encoded results, or of the chain's input.
    c : str or None
        Name of an earlier layer with raw results, from which the sums start: the other branch of
        a residual block.
    w : numpy.ndarray, shape (M, C / groups, KH, KW)
        Elements.
    geometry : ConvGeometry
    epilogue : Epilogue
    """

    name: str
    x: str
    w: NDArray[Any]
    geometry: ConvGeometry
    epilogue: Epilogue
    c: str | None = None


def check_chain(layers: Sequence[ChainLayer], source: str) -> None:
    """Refuse a chain whose layers do not fit each other.

    Parameters
    ----------
    layers : sequence of ChainLayer
        In an order in which they can run.
    source : str
        Name of the feature map that enters.

    Raises
    ------
    DstcError
        If a name is taken or unknown, a feature map enters that is raw or of another shape, or C
        is encoded or of another shape.
    """
    before: dict[str, ChainLayer] = {}
    for layer in layers:
        if layer.name in before or layer.name == source:
            raise DstcError(f"Layers of a chain must have different names, not {layer.name!r} "
                            "twice")
        if layer.x != source:
            _require(layer, "feature map", before.get(layer.x), layer.x, False,
                     layer.geometry.x_shape)
        if layer.c is not None:
            _require(layer, "C", before.get(layer.c), layer.c, True, layer.geometry.out_shape)
        before[layer.name] = layer


def _require(layer: ChainLayer, thing: str, other: ChainLayer | None, name: str, raw: bool,
             shape: tuple[int, ...]) -> None:
    if other is None:
        raise DstcError(f"Layer {layer.name} must take its {thing} from an earlier layer, "
                        f"not from {name!r}")
    have = other.epilogue.raw, other.geometry.out_shape
    if have != (raw, shape):
        kinds = {True: "raw", False: "encoded"}
        raise DstcError(f"Layer {layer.name} must take a {thing} that is {kinds[raw]} and of shape "
                        f"{shape}, not {name}, which is {kinds[have[0]]} and {have[1]}")


def golden_chain(layers: Sequence[ChainLayer], source: str, x: NDArray[Any], element: Element
                 ) -> dict[str, NDArray[Any]]:
    """The golden result of every layer.

    Parameters
    ----------
    layers : sequence of ChainLayer
    source : str
        Name of the feature map that enters.
    x : numpy.ndarray, shape (C, H, W)
        That feature map, elements.
    element : Element

    Returns
    -------
    dict of numpy.ndarray
        By layer: elements, or accumulators of raw ones.

    Raises
    ------
    DstcError
        As :func:`check_chain` and :func:`dstc.conv.convolution`.
    """
    check_chain(layers, source)
    results = {source: x}
    for layer in layers:
        results[layer.name] = convolution(
            results[layer.x], layer.w, layer.geometry, layer.epilogue,
            c=None if layer.c is None else results[layer.c], element=element)
    del results[source]
    return results
