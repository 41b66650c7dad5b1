"""The boards that are built, and what is put on them."""

from dataclasses import dataclass

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.config import get_config
from dstc.device.serial_protocol import BAUD
from dstc.errors import DstcError

__all__ = ["BOARDS", "Board", "get_board"]

BASE = 0x8000_0000


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board with an accelerator or a bare core on it.

    Attributes
    ----------
    name : str
        As ``make fpga BOARD=`` takes it.
    platform : str
        Class of ``amaranth_boards``, as ``module:Class``.
    accelerator : AcceleratorConfig
        What is on it; of a bare core, only its core and the width of the memory.
    memory_bytes : int
        Memory of the accelerator in block RAM.
    clock : int
        Hz; the oscillator of the board, there is no PLL.
    baud : int
        Of the serial line.
    bare : bool
        A core and a feeder of its streams, no accelerator.
    """

    name: str
    platform: str
    accelerator: AcceleratorConfig
    memory_bytes: int
    clock: int
    baud: int = BAUD
    bare: bool = False

    @property
    def memory(self) -> range:
        """Addresses of the memory."""
        return range(BASE, BASE + self.memory_bytes)

    @property
    def divisor(self) -> int:
        """Clock cycles of a bit on the serial line."""
        return self.clock // self.baud


BOARDS = {board.name: board for board in (
    # Of small all but the elements, whose 32 floating-point adders alone are 32,000 LUTs, and the
    # length of the collector, whose lines the router has to find room for.
    Board(name="ulx3s-85f", platform="amaranth_boards.ulx3s:ULX3S_85F_Platform",
          accelerator=AcceleratorConfig(
              core=get_config("small").replace(
                  name="small-int8", status="experimental", element="int8", adder_latency=1,
                  collector_entries=2),
              data_bits=64, address_bits=32),
          memory_bytes=128 << 10, clock=25_000_000),
    # The smallest ECP5; the memory side of an accelerator alone would fill it.
    Board(name="ulx3s-12f", platform="amaranth_boards.ulx3s:ULX3S_12F_Platform",
          accelerator=AcceleratorConfig(core=get_config("tiny"), data_bits=64, address_bits=32),
          memory_bytes=64 << 10, clock=25_000_000, bare=True),
)}
"""Every board by name."""


def get_board(name: str) -> Board:
    """The named board.

    Raises
    ------
    DstcError
        If no board has that name.
    """
    try:
        return BOARDS[name]
    except KeyError:
        raise DstcError(f"Board must be one of {', '.join(BOARDS)}, not {name!r}") from None
