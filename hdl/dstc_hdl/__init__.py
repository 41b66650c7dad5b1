"""The dual-side sparse tensor core in Amaranth."""
