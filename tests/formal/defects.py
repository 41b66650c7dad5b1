"""What the tests of the proofs share: the search for what a defect breaks."""

from formal.prover import search

__all__ = ["CYCLES", "refuted"]

CYCLES = 12
"""Cycles within which every seeded defect shows."""


def refuted(harness):
    """The claims that a behaviour after reset breaks first."""
    outcome = search(harness.system(ties=False), CYCLES)
    assert not outcome.holds and outcome.reachable
    return set(outcome.failed)
