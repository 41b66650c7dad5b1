"""Benches on the emitted Verilog: one per component and one for the core."""
