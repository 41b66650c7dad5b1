"""Running networks layer by layer on an engine (``dstc run``)."""

from .network_run import LayerOutcome, NetworkRun, run_sample
from .solver import Solution, Solver

__all__ = ["LayerOutcome", "NetworkRun", "Solution", "Solver", "run_sample"]
