"""What an explanation of one tile consists of; in JSON the same under the same names."""

from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["Cycle", "Entry", "Explanation", "KStep", "Number", "Ohmma", "Product", "Side"]

Number = float | int | str


@dataclass(frozen=True, kw_only=True)
class Side:
    """One operand tile as encoded (docs/format.md).

    Attributes
    ----------
    bitmaps : list of int
        One word for each k; bit i is row (A) or column (B) i.
    values : list of list
        The packed values of each k, by ascending row or column.  What JSON has no number for is
        ``"nan"``, ``"inf"`` or ``"-inf"``.
    """

    bitmaps: list[int]
    values: list[list[Number]]

    def positions(self, k: int) -> list[int]:
        """Rows or columns that have a value in a k-step."""
        return [n for n in range(self.bitmaps[k].bit_length()) if self.bitmaps[k] >> n & 1]


@dataclass(frozen=True, kw_only=True)
class Ohmma:
    """An OHMMA: the outer product of row group ``g`` and column group ``h`` of a k-step.

    Attributes
    ----------
    cycle : int
        In which the collector took it.
    entry : int
        Serial number of the collector's entry that it went to.
    rows, cols : list of int
        Rows of A and columns of B whose values it brings; it uses as many lanes.
    products : int
        ``len(rows) * len(cols)``.
    banks : list of int
        For each bank p * S + q, how many of the products are for it.
    """

    cycle: int
    entry: int
    k: int
    g: int
    h: int
    rows: list[int]
    cols: list[int]
    products: int
    banks: list[int]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A collector entry: taken from the cycle after ``opened`` to ``retires``, both included.

    ``closed`` is the cycle of its last OHMMA; ``k`` is None where an instruction without work
    passed through.
    """

    entry: int
    k: int | None
    opened: int
    closed: int
    retires: int
    products: int


@dataclass(frozen=True, kw_only=True)
class KStep:
    """What the skip rule makes of a k-step.

    Attributes
    ----------
    a, b : int
        Non-zeros of both sides.
    groups : tuple of int
        ceil(a / R) and ceil(b / S); their product is the OHMMA that the skip rule asks for.
    executed, skipped : list of [g, h]
        Of all groups of a dense k-step.
    """

    k: int
    a: int
    b: int
    groups: tuple[int, int]
    executed: list[tuple[int, int]]
    skipped: list[tuple[int, int]]
    products: int


class Product(NamedTuple):
    """A product that a bank makes: A[row, k] B[k, col], k being that of the entry.

    In JSON a list of these four.
    """

    entry: int
    bank: int
    row: int
    col: int


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """A cycle of the core, counted from the first word of the program.

    Attributes
    ----------
    bin : str
    ohmma : int or None
        Place in the list of OHMMA of the one that the collector takes.
    held : list of [entry, products]
        The collector when the cycle begins: taken entries, oldest first, and how many products
        the operands that are there have left to make.  As every row meets every column, these
        can be products of an OHMMA that arrives later, once others have brought its operands.
    made : list of Product
        At most one in each bank.
    """

    cycle: int
    bin: str
    ohmma: int | None
    held: list[tuple[int, int]]
    made: list[Product]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Everything that a picture of a tile needs.

    Attributes
    ----------
    config : dict
        Parameters of the core.
    mode : str
        ``sparse`` or ``dense``.
    a, b : Side
    k_steps, ohmma, entries, cycles : list
        In order.
    bins : dict
        Cycles in each bin.
    products : int
    """

    config: dict[str, Any]
    mode: str
    a: Side
    b: Side
    k_steps: list[KStep]
    ohmma: list[Ohmma]
    entries: list[Entry]
    cycles: list[Cycle]
    bins: dict[str, int]
    products: int
