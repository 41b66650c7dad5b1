"""What a report tells about: the operands, what the core did with them, and what they were."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc.config import Config

from ..engine import RunResult

__all__ = ["Run", "Subject", "groups_per_k", "wrong_values"]

def groups_per_k(stored: NDArray[np.bool_], tile: int, lanes: int) -> NDArray[np.int64]:
    """Condensed groups that each k-step needs, summed over the tiles of one side.

    Parameters
    ----------
    stored : ndarray of bool, shape (outer, K)
        Where the non-zeros are.
    tile, lanes : int
        Rows of a tile, and how many non-zeros one OHMMA takes.

    Returns
    -------
    ndarray of int, shape (K,)
        The product of both sides is the OHMMA of each k-step, all output tiles together.
    """
    outer, k = stored.shape
    padded = np.pad(stored, ((0, -outer % tile), (0, 0))).reshape(-1, tile, k)
    return (-(-np.count_nonzero(padded, axis=1) // lanes)).sum(axis=0)


def wrong_values(result: RunResult, expected: NDArray[Any]) -> int:
    """Values of a result that differ from the expected ones in any bit.

    All of them when shape or type differ.
    """
    if (result.out.shape, result.out.dtype) != (expected.shape, expected.dtype):
        return expected.size
    return int(np.count_nonzero(_bits(result.out) != _bits(expected)))


def _bits(values: NDArray[Any]) -> NDArray[np.uint32]:
    return np.ascontiguousarray(values).view(np.uint32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """One matrix product ``A B + C`` on the emitted Verilog, sparse and dense.

    Attributes
    ----------
    a, b, c : ndarray
        Operands, M x K, K x N and M x N.
    expected : ndarray
        What the golden model gives, M x N.
    sparse, dense : RunResult
        The core skipping zeros, and the same core in dense mode.

    Raises
    ------
    ValueError
        If no core's Verilog ran.
    """

    a: NDArray[Any]
    b: NDArray[Any]
    c: NDArray[Any]
    expected: NDArray[Any]
    sparse: RunResult
    dense: RunResult

    def __post_init__(self) -> None:
        if None in (self.sparse.verilog, self.sparse.manifest, self.sparse.bins, self.dense.bins):
            raise ValueError("Results must come from emitted Verilog, not from "
                             f"{self.sparse.simulator or self.sparse.engine}")

    @property
    def config(self) -> Config:
        """The core."""
        return self.sparse.config

    @property
    def shape(self) -> tuple[int, int, int]:
        """M, N, K."""
        return self.a.shape[0], self.b.shape[1], self.a.shape[1]

    @property
    def files(self) -> tuple[Path, Path]:
        """The Verilog and its manifest."""
        assert self.sparse.verilog and self.sparse.manifest
        return self.sparse.verilog, self.sparse.manifest

    @property
    def bit_exact(self) -> bool:
        """Whether both results equal the golden model in every bit."""
        return not any(wrong_values(result, self.expected)
                       for result in (self.sparse, self.dense))

    @property
    def cycles(self) -> tuple[int, int]:
        """Cycles of the dense and of the sparse run: the sums of their bins."""
        return sum(self.bins[0].values()), sum(self.bins[1].values())

    @property
    def bins(self) -> tuple[dict[str, int], dict[str, int]]:
        """Cycles in each bin of the dense and of the sparse run."""
        return dict(self.dense.bins or {}), dict(self.sparse.bins or {})

    @property
    def speedup(self) -> float:
        """Cycles in dense mode per cycle, both measured."""
        return self.cycles[0] / self.cycles[1]

    @property
    def ohmma_per_k(self) -> NDArray[np.int64]:
        """OHMMA that the skip rule demands of each k-step, from the zeros of A and B alone."""
        config = self.config
        return (groups_per_k(self.a != 0, config.tile_m, config.array_rows)
                * groups_per_k((self.b != 0).T, config.tile_n, config.array_cols))


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """What the matrices are: a layer of a network that looks at an image.

    Attributes
    ----------
    network, layer, about : str
        What the network is called, the layer, and where the network comes from, in a sentence.
    image : ndarray of uint8, shape (H, W)
        What it looked at.
    image_name : str
        Which image it is, to go on after "a 7,".
    label, answer : int
        What is on the image, and what the network says when it goes on from the core's result.
    feature_map : tuple of int
        (C, H, W) of what entered the layer.
    feature_map_zeros : float
        Share of zeros in it, before padding.
    command : str
        The command that remakes the run.
    """

    network: str
    layer: str
    about: str
    image: NDArray[np.uint8]
    image_name: str
    label: int
    answer: int
    feature_map: tuple[int, int, int]
    feature_map_zeros: float
    command: str
