"""Options of commands that run on the bare core or on the whole accelerator."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dstc.errors import DstcError

if TYPE_CHECKING:
    from dstc.config import Config
    from dstc_sim.accelerator.engine import AcceleratorEngine

__all__ = ["TOPS", "Cores", "Latency", "Port", "Top", "TopOptions"]

TOPS = ("core", "accelerator")
DEFAULT_CORES, DEFAULT_PORT, DEFAULT_LATENCY = 1, 128, 32
MAX_LATENCY = 10_000

Top = Annotated[str, typer.Option(
    help="Of the rtl engine: core, fed by the testbench, or accelerator: from memory to memory "
         "over AXI4.")]
Cores = Annotated[int | None, typer.Option(
    help=f"Of the accelerator: cores, 1 to 4; {DEFAULT_CORES} when left out.",
    show_default=False)]
Port = Annotated[int | None, typer.Option(
    help=f"Of the accelerator: bits of its memory port, 64 or 128; {DEFAULT_PORT} when left out.",
    show_default=False)]
Latency = Annotated[int | None, typer.Option(
    help=f"Of the accelerator: cycles of a read from memory; {DEFAULT_LATENCY} when left out.",
    show_default=False)]


@dataclass(frozen=True, kw_only=True)
class TopOptions:
    """What the options say, None where one was left out.

    Attributes
    ----------
    top : str
    cores, port, latency : int or None
    """

    top: str
    cores: int | None
    port: int | None
    latency: int | None

    @property
    def accelerator(self) -> bool:
        """Whether the whole accelerator is to run."""
        return self.top == "accelerator"

    def check(self, engine: str) -> None:
        """Refuse options that do not fit each other.

        Parameters
        ----------
        engine : str

        Raises
        ------
        DstcError
            One sentence.
        """
        if self.top not in TOPS:
            raise DstcError(f"Top must be one of {', '.join(TOPS)}, not {self.top!r}")
        if self.accelerator and engine != "rtl":
            raise DstcError("Option --top accelerator must be given with --engine rtl, "
                            f"not {engine}")
        for name in ("cores", "port", "latency"):
            if getattr(self, name) is not None and not self.accelerator:
                raise DstcError(f"Option --{name} must be given with --top accelerator, "
                                f"not {self.top}")
        if self.port not in (None, 64, 128):
            raise DstcError(f"Option --port must be 64 or 128, not {self.port}")
        if self.latency is not None and not 1 <= self.latency <= MAX_LATENCY:
            raise DstcError(f"Option --latency must be from 1 to {MAX_LATENCY}, "
                            f"not {self.latency}")

    def engine(self, config: "Config", stall: float | None, seed: int, trace: Path | None = None
               ) -> "AcceleratorEngine":
        """The accelerator as told; ``stall`` makes everything about the memory random.

        Raises
        ------
        DstcError
            If such an accelerator cannot be built.
        """
        from dstc_sim.accelerator.engine import AcceleratorEngine
        from dstc_sim.accelerator.timing import MemoryTiming

        latency = DEFAULT_LATENCY if self.latency is None else self.latency
        timing = (MemoryTiming(latency=latency) if stall is None
                  else MemoryTiming.adverse(stall, seed, latency))
        engine = AcceleratorEngine(
            cores=DEFAULT_CORES if self.cores is None else self.cores,
            data_bits=DEFAULT_PORT if self.port is None else self.port,
            timing=timing, trace=trace)
        engine.accelerator(config)          # refuses what cannot be built, before anything runs
        return engine
