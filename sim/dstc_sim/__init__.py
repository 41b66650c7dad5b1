"""Running programs on the emitted core and on the golden model."""
