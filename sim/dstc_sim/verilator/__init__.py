"""Emitted Verilog compiled by Verilator and run in this process, without text in between."""

from .core import CoreModel
from .vectors import VectorModel

__all__ = ["CoreModel", "VectorModel"]
