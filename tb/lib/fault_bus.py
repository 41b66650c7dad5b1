"""The accelerator of a bench as a bus that can be made to misbehave."""

from cocotb.task import resume

from .accelerator_bench import AcceleratorBench, CocotbBus

__all__ = ["CocotbFaultBus"]


class CocotbFaultBus(CocotbBus):
    """A :class:`dstc_sim.faults.scenario.FaultBus` on cocotbext-axi, for a thread of ``bridge``.

    Parameters
    ----------
    host : AcceleratorBench
        Started, with an :class:`tb.lib.axi_memory.UnorderedMemory`.
    """

    def __init__(self, host: AcceleratorBench):
        super().__init__(host)
        self._memory = host.memory
        self._place: tuple[int, int] | None = None
        self._counts = {"r": 0, "w": 0}
        self._wrong: tuple[str, int, int] = ("", 0, 0)
        self._memory.fail_read = lambda ident, address: self._answer("r", ident, address)
        self._memory.fail_write = lambda ident, address: self._answer("w", ident, address)
        self.run = resume(self._run)
        self.reset = resume(self._reset)

    async def _run(self, cycles: int, *, until_interrupt: bool = False) -> bool:
        for _ in range(cycles):
            if until_interrupt and self._host.interrupt:
                break
            await self._host.bench.tick()
        return self._host.interrupt

    async def _reset(self) -> None:
        await self._host.bench.reset()
        await self._host.bench.tick(2)

    @property
    def interrupt(self) -> bool:
        """Level of the interrupt line."""
        return self._host.interrupt

    def stall(self, seed: int) -> None:
        """Any stalls; 0: none."""
        if seed:
            self._host.random_stall()
        else:
            self._host.stall(0)

    def fail(self, *, read_beat: int = 0, write_burst: int = 0, response: int = 2) -> None:
        """Answer a beat or a burst with an error, counted from here; without any, none."""
        self._place, self._counts = None, {"r": 0, "w": 0}
        self._wrong = ("r" if read_beat else "w", read_beat or write_burst, response)

    def failed(self) -> tuple[int, int] | None:
        """ID and address of what was answered with an error."""
        return self._place

    def hold(self, *channels: str) -> None:
        """Nothing moves on these channels; without any, everything does."""
        for name, channel in self._memory.channels.items():
            if name in channels:
                channel.clear_pause_generator()
            channel.pause = name in channels

    def keep_log(self, wanted: bool = True) -> None:
        """Keep a log of bursts from now on, or no longer."""
        self._memory.log = [] if wanted else None

    def bursts(self) -> list[tuple[str, int, int, int]]:
        """Bursts of the log, which is then empty."""
        bursts, self._memory.log = self._memory.log, []
        return bursts

    def _answer(self, kind: str, ident: int, address: int) -> int:
        self._counts[kind] += 1
        wrong, number, response = self._wrong
        if (kind, self._counts[kind]) != (wrong, number):
            return 0
        self._place = ident, address
        return response
