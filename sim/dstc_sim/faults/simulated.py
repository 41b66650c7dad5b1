"""The simulated accelerator as a bus that can be made to misbehave."""

from dstc_sim.accelerator.bus import SimulatedBus
from dstc_sim.accelerator.timing import BusFault, MemoryTiming

__all__ = ["SimulatedFaultBus"]

STALLS = (0.0, 0.05, 0.3, 0.6)
LATENCIES = (1, 8, 40)
FOR_EVER = 1 << 40


class SimulatedFaultBus(SimulatedBus):
    """A :class:`dstc_sim.faults.scenario.FaultBus` on the simulated memory."""

    def run(self, cycles: int, *, until_interrupt: bool = False) -> bool:
        """Let cycles pass, whether anything moves or not; whether the interrupt is high."""
        self.model.run(cycles, until_interrupt=until_interrupt, quiet_limit=FOR_EVER)
        return self.interrupt

    def stall(self, seed: int) -> None:
        """Latency, stalls and order from now on, drawn from the seed; 0: none."""
        if not seed:
            self.retime(MemoryTiming())
            return
        self.retime(MemoryTiming.adverse(STALLS[seed % len(STALLS)], seed,
                                         LATENCIES[seed // len(STALLS) % len(LATENCIES)]))

    def fail(self, *, read_beat: int = 0, write_burst: int = 0, response: int = 2) -> None:
        """Answer a beat or a burst with an error, counted from here; without any, none."""
        self.statistics(clear=True)
        self.arm(BusFault(read_beat=read_beat, write_burst=write_burst, response=response))

    def failed(self) -> tuple[int, int] | None:
        """ID and address of what was answered with an error."""
        seen = self.statistics()
        return (seen.fault_id, seen.fault_address) if seen.faults else None
