"""Proofs about the control parts of the core; see README.md."""
