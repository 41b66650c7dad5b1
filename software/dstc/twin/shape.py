"""Shape of an inner-product core with the multipliers, tiles and ports of a configuration."""

from dataclasses import dataclass

from ..config import Config

__all__ = ["DOT", "GROUP", "INDEX_BITS", "KEPT", "NUMERICS", "TwinShape"]

DOT = 4
"""Multipliers of one dot product."""

GROUP = 4
"""Neighbouring k of which a structured operand keeps :data:`KEPT`."""

KEPT = 2
"""Values that a structured operand keeps of each group."""

INDEX_BITS = 2
"""Metadata of one kept value: its place in the group."""

NUMERICS = ("exact", "fused")
"""``exact``: docs/numerics.md; ``fused``: one rounding for each dot product (docs/twin.md)."""


@dataclass(frozen=True)
class TwinShape:
    """Everything about an inner-product core that follows from its configuration.

    The R x S multipliers are R/2 x S/2 dot products of four elements.  In a cycle they make a
    *block* of the result tile, R/2 rows by S/2 columns, over four k (``paper``: 4 x 8 x 4, two
    units of 4 x 4 x 4).

    Parameters
    ----------
    config : Config
    structured : bool
        B is 2:4 structured: a block is over eight k, of which B keeps four, and a tile is over
        ``2 * tile_k`` k.
    """

    config: Config
    structured: bool = False

    @property
    def rows(self) -> int:
        """Rows of a block."""
        return self.config.array_rows // 2

    @property
    def cols(self) -> int:
        """Columns of a block."""
        return self.config.array_cols // 2

    @property
    def row_blocks(self) -> int:
        """Blocks from top to bottom of a tile."""
        return self.config.tile_m // self.rows

    @property
    def col_blocks(self) -> int:
        """Blocks from left to right of a tile."""
        return self.config.tile_n // self.cols

    @property
    def blocks(self) -> int:
        """Blocks of a tile; so many cycles lie between two updates of an accumulator."""
        return self.row_blocks * self.col_blocks

    @property
    def k_blocks(self) -> int:
        """Times that a tile walks over its blocks."""
        return self.config.tile_k // DOT

    @property
    def groups_per_block(self) -> int:
        """Groups of four k, and A beats, of one block."""
        return GROUP // KEPT if self.structured else 1

    @property
    def tile_k(self) -> int:
        """Values of k that a tile is over."""
        return self.config.tile_k * self.groups_per_block

    @property
    def tile_cycles(self) -> int:
        """Cycles of a tile: its products, or those that B keeps, over the multipliers."""
        return self.blocks * self.k_blocks

    @property
    def a_beat_bits(self) -> int:
        """One beat: R/2 rows by four k, as wide as the A stream of the sparse core."""
        return self.rows * GROUP * self.config.element_bits

    @property
    def a_beats(self) -> int:
        """Beats of an A tile."""
        return self.row_blocks * self.k_blocks * self.groups_per_block

    @property
    def b_beat_values(self) -> int:
        """Values of one beat: four k, or four kept ones, by S/2 columns."""
        return DOT * self.cols

    @property
    def b_beat_bits(self) -> int:
        """One beat: the values and, if structured, their metadata above them."""
        width = self.config.element_bits + (INDEX_BITS if self.structured else 0)
        return self.b_beat_values * width

    @property
    def b_beats(self) -> int:
        """Beats of a B tile."""
        return self.col_blocks * self.k_blocks
