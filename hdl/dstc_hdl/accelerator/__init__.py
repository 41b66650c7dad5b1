"""The accelerator: cores behind an AXI4 port (docs/accelerator.md)."""
