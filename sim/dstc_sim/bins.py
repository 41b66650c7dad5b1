"""How the bins of :data:`dstc_sim.runs.BINS` are shown, on every page and in every table."""

__all__ = ["BIN_COLOURS", "BIN_MEANINGS"]

BIN_COLOURS = {"issue": "#2f6fb5", "conflict": "#e08a3c", "operand_wait": "#c2486b",
               "drain": "#7d6bb0", "idle": "#a9adb3"}
"""Colour of each bin, everywhere; distinct for colour-blind readers."""

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
