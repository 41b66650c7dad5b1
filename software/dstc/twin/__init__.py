"""The dense twin: shapes, operand streams and numerics of the inner-product cores."""

from .shape import DOT, NUMERICS, TwinShape
from .streams import TwinJob, twin_job

__all__ = ["DOT", "NUMERICS", "TwinJob", "TwinShape", "twin_job"]
