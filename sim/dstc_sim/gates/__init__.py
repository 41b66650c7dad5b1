"""Simulation of netlists of cells, many runs at once, and what switches in them."""

from .model import GateModel, GateRun
from .plan import Plan, make_plan

__all__ = ["GateModel", "GateRun", "Plan", "make_plan"]
