"""Convolutions on the cycle model, as products of lowered operands."""

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from dstc.config import Config
from dstc.conv import ConvGeometry, Epilogue, im2col, weight_matrix
from dstc.conv.epilogue import apply
from dstc.conv.featuremap import matrix_map
from dstc.formats import EncodedMatrix

from .engine import ModelEngine, RunResult

__all__ = ["lowered_convolution"]


def lowered_convolution(engine: ModelEngine, x: NDArray[Any], w: NDArray[Any] | EncodedMatrix,
                        geometry: ConvGeometry, epilogue: Epilogue, *, config: Config
                        ) -> RunResult:
    """One convolution as the product of its lowered operands, and the epilogue in numpy.

    The cycles are those of a core whose A tiles are there before it asks.

    Parameters
    ----------
    engine : ModelEngine
    x : numpy.ndarray, shape (C, H, W)
    w : numpy.ndarray (M, C / groups, KH, KW) or EncodedMatrix
        Elements; or side B of :func:`dstc.conv.weight_matrix`.
    geometry : ConvGeometry
    epilogue : Epilogue
    config : Config

    Returns
    -------
    RunResult
        ``out`` is the feature map (M, OH, OW).

    Raises
    ------
    DstcError
        If the operands do not fit the geometry or the configuration, or numba is not installed.
    """
    b = w if isinstance(w, EncodedMatrix) else weight_matrix(w, geometry)
    run = engine.run(im2col(x, geometry), b, config=config)
    size = geometry.out_height, geometry.out_width
    return replace(run, out=matrix_map(apply(run.out, epilogue, config.format), size))
