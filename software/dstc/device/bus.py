"""What a driver needs of the machine that a device is in."""

from typing import Protocol

__all__ = ["Bus"]


class Bus(Protocol):
    """Registers, memory and the interrupt of one device.

    The driver does everything through these five methods, so the same code drives a simulated
    device and, through a transport such as PCIe or a debug probe, a board.
    """

    def read32(self, offset: int) -> int:
        """Read the 32-bit register at that byte offset."""

    def write32(self, offset: int, value: int) -> None:
        """Write the 32-bit register at that byte offset; it has arrived when this returns."""

    def read_memory(self, address: int, size: int) -> bytes:
        """Read memory of the device, at the addresses that the device uses."""

    def write_memory(self, address: int, data: bytes) -> None:
        """Write memory of the device; the device sees it when this returns."""

    def wait_interrupt(self, timeout: float | None) -> bool:
        """Wait until the interrupt line is high.

        Parameters
        ----------
        timeout : float or None
            Seconds; None: for ever.

        Returns
        -------
        bool
            Whether the line is high; False after the timeout.
        """
