"""Area and timing of emitted Verilog in standard cells."""
