"""The machines that are compared, all with 128 multipliers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from ..config import Config, get_config
from .cost import Cost
from .operands import Operands
from .rm_stc import RowMerge
from .simple import FixedRate, OneSided, OuterProduct
from .uni_stc import TilePacking

__all__ = ["MODELS", "MULTIPLIERS", "Machine", "Model", "compare", "dual_side"]

MULTIPLIERS = 128


class Machine(Protocol):
    """What counts cycles."""

    @property
    def multipliers(self) -> int:
        """Multipliers."""

    def cycles(self, operands: Operands) -> int:
        """Cycles of a product."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A machine and where it is from.

    Attributes
    ----------
    title : str
        For tables.
    source : str
        What the model follows.
    machine : Machine
    bound : bool
        The cycles are what no network that is pruned for the machine can go below, not what it
        makes of these masks.
    """

    title: str
    source: str
    machine: Machine
    bound: bool = False

    def cost(self, a: NDArray[Any] | Operands, b: NDArray[Any] | None = None) -> Cost:
        """The cycles of a product.

        Parameters
        ----------
        a : bool[M, K] or Operands
        b : bool[K, N]
            Left out with :class:`dstc.models.Operands`.

        Raises
        ------
        DstcError
            If the shapes do not fit, or a package is missing.
        """
        if not isinstance(a, Operands):
            assert b is not None, "two matrices, or operands"
            a = Operands.from_masks(a, b)
        return Cost(self.machine.cycles(a), a.products, self.machine.multipliers)


def dual_side(config: Config) -> Model:
    """The core of a configuration: OHMMA by the skip rule, one per cycle."""
    return Model(title="dual-side", source="docs/architecture.md; Wang and others, ISCA 2021",
                 machine=OuterProduct(config.tile_m, config.tile_n, config.array_rows,
                                      config.array_cols))


HPCA = "Lian and others, Uni-STC, HPCA 2026"

MODELS: dict[str, Model] = {
    "dense": Model(title="dense", source=f"NV-DTC, {HPCA}, table VI",
                   machine=FixedRate(8, 4, 4)),
    "2:4": Model(title="2:4", source="docs/twin.md", bound=True,
                 machine=FixedRate(8, 4, 8, kept=0.5)),
    "vector-wise": Model(title="vector-wise 75 %", bound=True,
                         source="Zhu and others, Sparse Tensor Core, MICRO 2019",
                         machine=FixedRate(8, 4, 16, kept=0.25)),
    "sigma": Model(title="SIGMA-like", source=f"Qin and others, HPCA 2020; {HPCA}, table VI",
                   machine=OneSided(16, MULTIPLIERS)),
    "outer-16": Model(title="outer product, 16 x 16", source=f"DS-STC, {HPCA}, tables III and VI",
                      machine=OuterProduct(16, 16, 8, 16)),
    "rm-stc": Model(title="RM-STC", source=f"Huang and others, MICRO 2023; {HPCA}, table VI",
                    machine=RowMerge()),
    "uni-stc": Model(title="Uni-STC", source=f"{HPCA}, section IV and table VI",
                     machine=TilePacking()),
    "dual-side": dual_side(get_config("paper")),
}
"""Every model, by the name that reports use."""


def compare(a: NDArray[Any] | Operands, b: NDArray[Any] | None = None,
            names: Iterable[str] = MODELS) -> dict[str, Cost]:
    """The cost of one product on several machines; operands are counted once.

    Parameters
    ----------
    a, b
        As :meth:`Model.cost` takes them.
    names : iterable of str
        Keys of :data:`MODELS`.
    """
    if not isinstance(a, Operands):
        assert b is not None, "two matrices, or operands"
        a = Operands.from_masks(a, b)
    return {name: MODELS[name].cost(a) for name in names}
