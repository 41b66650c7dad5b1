"""One convolution on an engine, compared with the golden model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc.config import Config
from dstc.conv import Epilogue, convolution, im2col, weight_matrix
from dstc.conv.epilogue import apply
from dstc.conv.featuremap import map_matrix
from dstc.conv.program import dense_ohmma
from dstc.errors import DstcError
from dstc.formats.layout import tiles_along
from dstc.network.problems import Problem

from ..conv import ConvEngine
from ..engine import ENGINES, ModelEngine, RtlEngine
from ..lowered import lowered_convolution

__all__ = ["Solution", "Solver"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Solution:
    """A result and what it cost.

    Attributes
    ----------
    out : numpy.ndarray, shape (M, OH, OW)
        float32.
    bit_exact : bool
        Equal to the golden model, the tiles on the Verilog too; of engine ``golden`` alone true
        by definition.
    cycles : int or None
        None on engine ``golden``.
    dense : int
        OHMMA of a dense core.
    ohmma : int or None
        Executed OHMMA.
    rtl_tiles : int
        Output tiles that the Verilog of the bare core computed besides.
    """

    out: NDArray[np.float32]
    bit_exact: bool
    cycles: int | None
    dense: int
    ohmma: int | None
    rtl_tiles: int = 0


class Solver:
    """Computes convolutions on one engine; keeps what is slow to make.

    Parameters
    ----------
    engine : str
        ``golden``, ``model`` or ``rtl``.
    config : Config
        With floating-point elements.

    Raises
    ------
    DstcError
        If there is no such engine, or the configuration is one of integers.
    """

    def __init__(self, engine: str, config: Config) -> None:
        if engine not in ENGINES:
            raise DstcError(f"Engine must be one of {', '.join(ENGINES)}, not {engine!r}")
        if not config.format.is_float:
            raise DstcError("Configuration must have floating-point elements to run a network of "
                            f"floats, not {config.element} ({config.name})")
        self.engine, self.config = engine, config
        self._model = ModelEngine() if engine == "model" else None
        self._conv = ConvEngine() if engine == "rtl" else None
        self._core = RtlEngine()

    def prepare(self, *, rtl_tiles: bool = False) -> None:
        """Compile what has to be compiled now; otherwise the first solution does.

        Parameters
        ----------
        rtl_tiles : bool
            Whether single tiles will run on the Verilog.
        """
        for engine in (self._model, self._conv, self._core if rtl_tiles else None):
            if engine is not None:
                engine.prepare(self.config)

    def tiles(self, problem: Problem) -> int:
        """Output tiles of a convolution on this configuration."""
        rows, columns = self._grid(problem)
        return rows * columns

    def solve(self, problem: Problem, rtl_tiles: Sequence[int] = ()) -> Solution:
        """One convolution.

        Parameters
        ----------
        problem : Problem
        rtl_tiles : sequence of int
            Output tiles, row by row, that the Verilog of the bare core computes besides.

        Raises
        ------
        SimulationError
            If the core hangs or reports an error.
        """
        geometry, config = problem.geometry, self.config
        epilogue = Epilogue(bias=problem.bias)
        golden = convolution(problem.x_element, problem.w_element, geometry, epilogue,
                             element=config.format)
        cycles = ohmma = None
        out = golden
        if self._conv is not None:
            run = self._conv.run(problem.x_element, problem.w_element, geometry, epilogue,
                                 config=config)
            out, cycles, ohmma = run.out, run.cycles, run.ohmma["executed"]
        elif self._model is not None:
            product = lowered_convolution(self._model, problem.x_element, problem.w_element,
                                          geometry, epilogue, config=config)
            out, cycles, ohmma = product.out, product.cycles, product.ohmma["executed"]
        exact = np.array_equal(out.view(np.uint32), golden.view(np.uint32))
        exact = exact and self._tiles_exact(problem, golden, rtl_tiles)
        return Solution(out=out, bit_exact=exact, cycles=cycles,
                        dense=dense_ohmma(geometry, config), ohmma=ohmma, rtl_tiles=len(rtl_tiles))

    def _tiles_exact(self, problem: Problem, golden: NDArray[Any], tiles: Sequence[int]) -> bool:
        """Whether output tiles are equal on the Verilog of the bare core."""
        if not tiles:
            return True
        geometry, config = problem.geometry, self.config
        a = im2col(problem.x_element, geometry)
        b = weight_matrix(problem.w_element, geometry)
        expected = map_matrix(golden)
        equal = True
        for tile in tiles:
            row, column = divmod(tile, self._grid(problem)[1])
            rows = slice(row * config.tile_m, (row + 1) * config.tile_m)
            columns = slice(column * config.tile_n, (column + 1) * config.tile_n)
            run = self._core.run(a[rows], b[:, columns], config=config)
            bias = None if problem.bias is None else problem.bias[columns]
            out = apply(run.out, Epilogue(bias=bias), config.format)
            equal &= np.array_equal(out.view(np.uint32), np.ascontiguousarray(
                expected[rows, columns]).view(np.uint32))
        return equal

    def _grid(self, problem: Problem) -> tuple[int, int]:
        geometry, config = problem.geometry, self.config
        return (tiles_along(geometry.positions, config.tile_m),
                tiles_along(geometry.outputs, config.tile_n))
