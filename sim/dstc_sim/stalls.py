"""Random waiting of streams and channels: the same pattern in every simulator."""

from dstc.errors import DstcError

__all__ = ["generator_state", "require_stall", "stall_threshold"]


def require_stall(probability: float) -> None:
    """Raise a :class:`DstcError` unless it is from 0 to below 1."""
    if not 0 <= probability < 1:
        raise DstcError(f"Stall probability must be from 0 to below 1, not {probability}")


def stall_threshold(probability: float) -> int:
    """A stream waits when a uniform 32-bit number is below this."""
    return int(probability * 2**32)


def generator_state(seed: int, number: int) -> int:
    """Where splitmix64 starts for stream ``number``, from 1 to 8, in every simulator."""
    return (8 * seed + number) * 0xD1342543DE82EF95 % 2**64
