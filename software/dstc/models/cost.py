"""What a model says about a product."""

from dataclasses import dataclass

__all__ = ["Cost"]


@dataclass(frozen=True)
class Cost:
    """Cycles of a product on so many multipliers.

    Attributes
    ----------
    cycles : int
        Cycles in which multipliers are occupied; streams and memory never wait.
    products : int
        Multiplications of two non-zeros.
    multipliers : int
    """

    cycles: int
    products: int
    multipliers: int

    @property
    def utilization(self) -> float:
        """Share of the multipliers that multiply two non-zeros, over all cycles."""
        slots = self.cycles * self.multipliers
        return self.products / slots if slots else 0.0

    @property
    def least_cycles(self) -> int:
        """No machine with these multipliers needs fewer: effectual MACs over multipliers."""
        return -(-self.products // self.multipliers)

    def __add__(self, other: "Cost") -> "Cost":
        if self.multipliers != other.multipliers:
            raise ValueError("costs on unequal numbers of multipliers have no sum")
        return Cost(self.cycles + other.cycles, self.products + other.products, self.multipliers)
