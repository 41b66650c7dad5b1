"""One convolution on an engine, compared with the golden model."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc.config import Config
from dstc.conv import Epilogue, convolution, im2col, weight_matrix
from dstc.conv.epilogue import apply
from dstc.conv.featuremap import matrix_map
from dstc.conv.program import dense_ohmma
from dstc.errors import DstcError
from dstc.network.problems import Problem

from ..conv import ConvEngine
from ..engine import ENGINES, ModelEngine, RtlEngine

__all__ = ["Solution", "Solver"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Solution:
    """A result and what it cost.

    Attributes
    ----------
    out : numpy.ndarray, shape (M, OH, OW)
        float32.
    bit_exact : bool
        Equal to the golden model; of engine ``golden`` true by definition.
    cycles : int or None
        None on engine ``golden``.
    dense : int
        OHMMA of a dense core.
    ohmma : int or None
        Executed OHMMA.
    rtl_tiles : int
        Output tiles that the Verilog computed besides, all equal to the golden model.
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
        self._tiles: RtlEngine | None = None

    def prepare(self) -> None:
        """Compile what has to be compiled now; otherwise the first solution does."""
        for engine in (self._model, self._conv):
            if engine is not None:
                engine.prepare(self.config)

    def solve(self, problem: Problem, *, rtl_tiles: int = 0, seed: int = 0) -> Solution:
        """One convolution.

        Parameters
        ----------
        problem : Problem
        rtl_tiles : int
            Output tiles, drawn at random, that the Verilog of the core computes besides.
        seed : int
            Of the draw.

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
            product = self._model.run(
                im2col(problem.x_element, geometry),
                np.ascontiguousarray(weight_matrix(problem.w_element, geometry)), config=config)
            out = matrix_map(apply(product.out, epilogue, config.format),
                             (geometry.out_height, geometry.out_width))
            cycles, ohmma = product.cycles, product.ohmma["executed"]
        exact = np.array_equal(out.view(np.uint32), golden.view(np.uint32))
        checked = self._check_tiles(problem, golden, rtl_tiles, seed) if rtl_tiles else 0
        return Solution(out=out, bit_exact=exact and checked == rtl_tiles_of(problem, rtl_tiles,
                                                                             config),
                        cycles=cycles, dense=dense_ohmma(geometry, config), ohmma=ohmma,
                        rtl_tiles=checked)

    def _check_tiles(self, problem: Problem, golden: NDArray[Any], tiles: int, seed: int) -> int:
        """How many of the drawn output tiles are equal on the Verilog of the bare core."""
        geometry, config = problem.geometry, self.config
        self._tiles = self._tiles or RtlEngine()
        a = im2col(problem.x_element, geometry)
        b = np.ascontiguousarray(weight_matrix(problem.w_element, geometry))
        grid = -(-len(a) // config.tile_m), -(-b.shape[1] // config.tile_n)
        rng = np.random.default_rng(seed)
        drawn = rng.choice(grid[0] * grid[1], rtl_tiles_of(problem, tiles, config), replace=False)
        equal = 0
        expected = golden.reshape(geometry.outputs, -1).T
        for tile in drawn.tolist():
            row, column = divmod(tile, grid[1])
            rows = slice(row * config.tile_m, (row + 1) * config.tile_m)
            columns = slice(column * config.tile_n, (column + 1) * config.tile_n)
            run = self._tiles.run(a[rows], np.ascontiguousarray(b[:, columns]), config=config)
            bias = None if problem.bias is None else problem.bias[columns]
            out = apply(run.out, Epilogue(bias=bias), config.format)
            equal += np.array_equal(out.view(np.uint32), np.ascontiguousarray(
                expected[rows, columns]).view(np.uint32))
        return equal


def rtl_tiles_of(problem: Problem, tiles: int, config: Config) -> int:
    """Output tiles that can be drawn: no more than there are."""
    geometry = problem.geometry
    return min(tiles, -(-geometry.positions // config.tile_m)
               * -(-geometry.outputs // config.tile_n))
