"""What every harness has: free signals, assumptions, claims, and what ties them to the design."""

from amaranth.hdl import Assume, Const, Module, Signal, Value

from .prover import System

__all__ = ["Harness"]


class Harness:
    """A design with a ghost beside it.

    A *claim* is what is to be proven.  It speaks of ports and of the ghost.  A *tie* says how the
    ghost goes with the design's registers; ties are proven along with the claims, and make
    induction by a single cycle enough.
    """

    def __init__(self):
        self.m = Module()
        self._free, self._claims, self._ties = [], {}, []
        self._running = Signal(name="running")
        self.m.d.sync += self._running.eq(1)

    def free(self, *values):
        """Let signals, or the parts of an interface, take any value in every cycle."""
        self._free += [value for value in map(Value.cast, values) if len(value)]

    def constant(self, name, limit):
        """Any number below ``limit``, the same in every cycle."""
        if limit == 1:
            return Const(0, range(1))
        chosen, before = Signal(range(limit), name=name), Signal(range(limit), name=f"{name}_was")
        self.free(chosen)
        self.m.d.sync += before.eq(chosen)
        self.assume(~self._running | (chosen == before))
        self.assume(chosen < limit)
        return chosen

    def assume(self, condition):
        """Leave out every behaviour in which the condition does not hold."""
        self.m.d.comb += Assume(condition)

    def claim(self, name, *conditions):
        """To be proven, in every cycle."""
        self._claims.setdefault(name, []).extend(conditions)

    def tie(self, *makers):
        """Likewise, as a part of the induction: functions that give conditions when asked."""
        self._ties += makers

    def system(self, ties=True):
        """The harness as a transition system; once.

        Parameters
        ----------
        ties : bool
            Without, only the claims are asserted, which is what a search for a counterexample
            wants.
        """
        parts = dict(self._claims)
        if ties:
            parts["ties"] = [condition for make in self._ties for condition in make()]
        return System(self.m, self._free, parts)
