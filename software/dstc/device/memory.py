"""Memory of a device, handed out piece by piece."""

from dataclasses import dataclass

from ..accelerator.layout import padded
from ..accelerator.parameters import BURST_BYTES
from ..errors import DstcError

__all__ = ["Allocator", "Region"]


@dataclass(frozen=True, kw_only=True)
class Region:
    """A piece of memory.

    Attributes
    ----------
    name : str
        What is in it, for messages.
    address, size : int
    """

    name: str
    address: int
    size: int

    @property
    def stop(self) -> int:
        """First address behind it."""
        return self.address + self.size


class Allocator:
    """Hands out a range of addresses, lowest first; every piece starts at a multiple of a burst.

    Parameters
    ----------
    memory : range
        First address, and the first behind.
    """

    def __init__(self, memory: range):
        self._memory = memory
        self._regions: list[Region] = []

    def allocate(self, name: str, size: int) -> Region:
        """A piece that nobody has.

        Raises
        ------
        DstcError
            If there is no room.
        """
        at = padded(self._memory.start, BURST_BYTES)
        for index, region in enumerate([*self._regions, None]):
            if at + size <= (self._memory.stop if region is None else region.address):
                taken = Region(name=name, address=at, size=size)
                self._regions.insert(index, taken)
                return taken
            if region is not None:
                at = padded(region.stop, BURST_BYTES)
        raise DstcError(f"Memory of the device must have {size} bytes in one piece for {name}, "
                        f"not fewer of its {len(self._memory)}")

    def free(self, region: Region) -> None:
        """Take a piece back."""
        self._regions.remove(region)

    def owner(self, address: int) -> Region | None:
        """The piece that an address is in."""
        for region in self._regions:
            if region.address <= address < region.stop:
                return region
        return None
