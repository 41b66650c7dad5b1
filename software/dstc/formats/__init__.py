"""The operand format: two-level bitmaps and condensed values, in memory and on disk."""

from .container import load, save
from .encoded import EncodedMatrix
from .tiles import encode

__all__ = ["EncodedMatrix", "encode", "load", "save"]
