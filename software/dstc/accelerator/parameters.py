"""Parameters of an accelerator: cores of one configuration behind one memory port."""

import json
import zlib
from dataclasses import dataclass
from typing import Any

from ..config import Config
from ..errors import DstcError

__all__ = ["BURST_BYTES", "MAX_CORES", "VERSION", "AcceleratorConfig"]

MAX_CORES = 4
VERSION = (1, 0)
"""Major and minor version of registers, programs and memory layouts."""
BURST_BYTES = 256
"""Bursts end at multiples of this, so none crosses 4 KiB."""


@dataclass(frozen=True, kw_only=True)
class AcceleratorConfig:
    """Cores behind one AXI4 master, validated when the object is made.

    Parameters
    ----------
    core : Config
        Every core, each with an im2col unit and an epilogue.
    cores : int
        1 to 4.
    data_bits : int
        Width of the AXI4 data buses, 64 or 128.
    address_bits : int
        Width of AXI4 addresses, 32 to 48.

    Raises
    ------
    DstcError
        If a parameter or a combination cannot be built; one sentence names it.
    """

    core: Config
    cores: int = 1
    data_bits: int = 128
    address_bits: int = 40

    def __post_init__(self) -> None:
        self.core.require_convolution()
        if not 1 <= self.cores <= MAX_CORES:
            raise DstcError(f"Accelerator cores must be from 1 to {MAX_CORES}, not {self.cores}")
        if self.data_bits not in (64, 128):
            raise DstcError(f"Accelerator data_bits must be 64 or 128, not {self.data_bits}")
        if not 32 <= self.address_bits <= 48:
            raise DstcError("Accelerator address_bits must be from 32 to 48, "
                            f"not {self.address_bits}")

    @property
    def name(self) -> str:
        """Shown in every log and report: ``paper-x2-128``."""
        return f"{self.core.name}-x{self.cores}-{self.data_bits}"

    @property
    def data_bytes(self) -> int:
        """Bytes of a beat of the AXI4 data buses."""
        return self.data_bits // 8

    @property
    def burst_beats(self) -> int:
        """Beats of the longest burst."""
        return BURST_BYTES // self.data_bytes

    @property
    def config_id(self) -> int:
        """CRC-32 of what decides operand format and programs; device and program must agree."""
        parameters = {key: value for key, value in self.core.to_dict().items()
                      if key not in ("name", "status")}
        return zlib.crc32(json.dumps(parameters, sort_keys=True).encode())

    def to_dict(self) -> dict[str, Any]:
        """The parameters, in a form that JSON takes."""
        return {"core": self.core.to_dict(), "cores": self.cores, "data_bits": self.data_bits,
                "address_bits": self.address_bits}
