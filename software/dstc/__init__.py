"""Formats, numerics, instruction set and golden model of the dual-side sparse tensor core."""
