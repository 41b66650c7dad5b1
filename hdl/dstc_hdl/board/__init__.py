"""The accelerator on FPGA boards, with a serial line to a host (docs/fpga.md)."""
