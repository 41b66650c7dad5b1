"""One warp tile, step by step: what the core does with it in every cycle, and why."""

from .explanation import Explanation
from .page import render
from .terminal import SHOWN_CYCLES, cycle_table, kstep_details, kstep_table, summary
from .tile import cut_tile, explain_tile

__all__ = ["SHOWN_CYCLES", "Explanation", "cut_tile", "cycle_table", "explain_tile",
           "kstep_details", "kstep_table", "render", "summary"]
