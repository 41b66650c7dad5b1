"""Inner-product cores: the dense twin of the sparse core, and its 2:4 structured variant."""

from .core import DenseCore, FusedDenseCore, FusedStructuredCore, StructuredCore

__all__ = ["DenseCore", "FusedDenseCore", "FusedStructuredCore", "StructuredCore"]
