"""What a report tells about: the operands, what the core did with them, and what they were."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dstc.config import Config

from ..runs import BINS

__all__ = ["BIN_MEANINGS", "Measured", "Run", "Subject"]

BIN_MEANINGS = {
    "issue": "An OHMMA was issued: an outer product of up to {rows} x {cols} non-zeros.",
    "conflict": "An OHMMA had to wait: products that meet in one accumulator bank, or updates "
                "still in flight, kept every entry of the operand collector taken.",
    "operand_wait": "Nothing to issue, because the next tile of A or B had not arrived yet.",
    "drain": "Nothing to issue, while the last sums of a tile were added up, a finished tile of D "
             "went out or a tile of C came in.",
    "idle": "Anything else, such as an instruction that finds no work.",
}
"""What each bin of cycles means."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The counters of one run of the core.

    Attributes
    ----------
    bins : dict of int
        Cycles per name of :data:`dstc_sim.runs.BINS`.
    ohmma : int
        OHMMA that were executed.
    products : int
        Multipliers that worked, summed over those OHMMA.
    seconds : float
        Wall time of the simulation.

    Raises
    ------
    ValueError
        If the bins are others.
    """

    bins: dict[str, int]
    ohmma: int
    products: int
    seconds: float

    def __post_init__(self) -> None:
        if set(self.bins) != set(BINS):
            raise ValueError(f"Cycle bins must be {', '.join(BINS)}, not {', '.join(self.bins)}")

    @property
    def cycles(self) -> int:
        """All cycles: each is in exactly one bin."""
        return sum(self.bins.values())


@dataclass(frozen=True, kw_only=True)
class Run:
    """One matrix product ``D = A B + C`` on the core, sparse and dense, and what it gave.

    Attributes
    ----------
    config : Config
        The core.
    a, b, c, d : ndarray
        Operands (M, K), (K, N), (M, N) and the core's result (M, N).
    expected : ndarray
        What the golden model gives for D.
    sparse, dense : Measured
        The core skipping zeros, and the same core in dense mode.
    skip_rule : int
        OHMMA that the skip rule demands, counted from the operands alone.
    simulator : str
        What executed the Verilog.
    tools : dict of str
        Versions, by name of the tool.
    verilog, manifest : Path
        The emitted core that was simulated.
    """

    config: Config
    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    d: np.ndarray
    expected: np.ndarray
    sparse: Measured
    dense: Measured
    skip_rule: int
    simulator: str
    tools: dict[str, str] = field(default_factory=dict)
    verilog: Path
    manifest: Path

    @property
    def wrong(self) -> int:
        """Values of D that differ from the golden model in any bit."""
        if self.d.shape != self.expected.shape or self.d.dtype != self.expected.dtype:
            return max(self.d.size, 1)
        return int(np.count_nonzero(self.d.view(np.uint32) != self.expected.view(np.uint32)))

    @property
    def bit_exact(self) -> bool:
        """Whether D equals the golden model in every bit."""
        return self.wrong == 0

    @property
    def speedup(self) -> float:
        """Dense cycles per cycle."""
        return self.dense.cycles / self.sparse.cycles

    @property
    def utilization(self) -> float:
        """Share of the multipliers that worked, over all cycles."""
        return self.sparse.products / (self.sparse.cycles * self.config.multipliers)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(M, N, K)."""
        return self.a.shape[0], self.b.shape[1], self.a.shape[1]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What the matrices are: a layer of a network that looks at an image.

    Attributes
    ----------
    network, layer, about : str
        Name of the network and the layer, and a sentence on where the network comes from.
    image : ndarray of uint8, shape (H, W)
        What it looked at.
    image_name : str
        How the image is called.
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
    image: np.ndarray
    image_name: str
    label: int
    answer: int
    feature_map: tuple[int, int, int]
    feature_map_zeros: float
    command: str
