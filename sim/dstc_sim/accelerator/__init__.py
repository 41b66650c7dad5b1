"""The verilated accelerator on a simulated AXI4 bus."""
