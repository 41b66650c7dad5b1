"""How the memory behind a simulated accelerator behaves."""

from dataclasses import dataclass

from dstc.errors import DstcError

from ..stalls import generator_state, require_stall, stall_threshold

__all__ = ["CHANNELS", "BusFault", "MemoryTiming"]

CHANNELS = ("ar", "r", "aw", "w", "b", "lite")
"""Channels that can wait: those of the AXI4 master, and all five of the registers together."""

CHOICES = (*CHANNELS, "order", "spread")


@dataclass(frozen=True, kw_only=True)
class MemoryTiming:
    """Latency, order and random waiting.

    In every cycle a channel waits with its probability although it could go on: ``ar``, ``aw``,
    ``w`` are then not ready, ``r`` and ``b`` offer nothing new, ``lite`` holds back what the host
    drives.  What is on offer stays until it is taken.

    Parameters
    ----------
    latency : int
        Cycles from the address of a read to its first beat, and from the last beat of a write to
        its response, both unstalled; at least 1.
    spread : int
        A burst takes up to so many cycles more, at random.
    reorder : bool
        Bursts of different IDs overtake each other, and their beats mix; those of one ID never.
    ar, r, aw, w, b, lite : float
        Probabilities, from 0 to below 1.
    seed : int
        Different seeds give different patterns; not negative, below 2**60.
    """

    latency: int = 32
    spread: int = 0
    reorder: bool = False
    ar: float = 0.0
    r: float = 0.0
    aw: float = 0.0
    w: float = 0.0
    b: float = 0.0
    lite: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for channel in CHANNELS:
            require_stall(getattr(self, channel))
        for name, least in (("latency", 1), ("spread", 0)):
            if not least <= getattr(self, name) < 1 << 20:
                raise DstcError(f"Memory {name} must be from {least} to {(1 << 20) - 1}, "
                                f"not {getattr(self, name)}")
        if not 0 <= self.seed < 1 << 60:
            raise DstcError(f"Stall seed must be from 0 to below 2**60, not {self.seed}")

    @classmethod
    def adverse(cls, probability: float, seed: int = 0, latency: int = 32) -> "MemoryTiming":
        """Everything random: the probability on all channels, any latency up to twice the one
        given, any order."""
        return cls(**dict.fromkeys(CHANNELS, probability), seed=seed, latency=latency,
                   spread=latency, reorder=True)

    def thresholds(self) -> list[int]:
        """A channel waits when a uniform 32-bit number is below its threshold."""
        return [stall_threshold(getattr(self, channel)) for channel in CHANNELS]

    def states(self) -> list[int]:
        """Start of the generator of each choice, splitmix64."""
        return [generator_state(self.seed, n) for n in range(1, len(CHOICES) + 1)]


@dataclass(frozen=True, kw_only=True)
class BusFault:
    """Error responses; beats and bursts are counted from when it is armed, from 1, 0 for none.

    Parameters
    ----------
    read_beat : int
        The beat read that is answered with an error; its data is wrong too.
    write_burst : int
        The burst written that is; nothing of it is written.
    read_address, write_address : int, optional
        Every beat read, or burst written, that covers this byte.
    response : int
        2: SLVERR, 3: DECERR.
    """

    read_beat: int = 0
    write_burst: int = 0
    read_address: int | None = None
    write_address: int | None = None
    response: int = 2

    def __post_init__(self) -> None:
        if self.response not in (2, 3):
            raise DstcError("Error response must be 2 (SLVERR) or 3 (DECERR), "
                            f"not {self.response}")
        for name in ("read_beat", "write_burst"):
            if getattr(self, name) < 0:
                raise DstcError(f"Count {name} of a bus fault must not be negative, "
                                f"not {getattr(self, name)}")
