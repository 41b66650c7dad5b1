"""A bare core on a board: its streams are fed from memory (docs/fpga.md).

The hardware is made from the same table (``dstc_hdl.board.feeder``).
"""

import enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..accelerator.parameters import AcceleratorConfig
from ..config import CONFIGS, Config
from ..errors import DstcError
from ..formats import encode
from ..isa import ErrorCode
from ..program import gemm_job
from .serial_bus import SerialBus

__all__ = [
    "COUNTERS",
    "FEEDER_ID",
    "STREAMS",
    "WORD_BYTES",
    "CoreBoard",
    "FeederRegister",
    "beat_words",
    "beats_register",
    "counter_register",
    "place_register",
]

STREAMS = ("instr", "a", "b", "c", "d")
COUNTERS = ("issue", "conflict", "operand_wait", "drain", "idle", "ohmma", "products")
FEEDER_ID = 0x46545344
"""``DSTF``."""
WORD_BYTES = 8
"""Beats are whole words of this size in memory."""
BEATS_BITS = 16


class FeederRegister(enum.IntEnum):
    """Offsets of registers; those of a stream and the counters follow."""

    ID = 0x00
    CONFIG_ID = 0x04
    CONTROL = 0x08
    STATUS = 0x0C
    WORD = 0x10


def place_register(stream: str) -> int:
    """Offset of the register with the address of a stream's first beat."""
    return 0x20 + 8 * STREAMS.index(stream)


def beats_register(stream: str) -> int:
    """Offset of the register with the beats of a stream that are still to be moved."""
    return place_register(stream) + 4


def counter_register(name: str) -> int:
    """Offset of the register with the lowest 32 bits of a counter."""
    return 0x60 + 4 * COUNTERS.index(name)


def beat_words(config: Config, stream: str) -> int:
    """Words of a beat in memory; on ``a`` and ``b`` the last one holds ``last`` in bit 0."""
    bits = {"instr": 64, "a": config.a_beat_bits, "b": config.b_beat_bits,
            "c": config.c_beat_bits, "d": config.c_beat_bits}[stream]
    return -(-bits // (8 * WORD_BYTES)) + (stream in ("a", "b"))


class CoreBoard:
    """Runs products on a core behind a serial line.

    Parameters
    ----------
    bus : SerialBus

    Attributes
    ----------
    config : Config
        What the core is.

    Raises
    ------
    DstcError
        If something else answers, or a core that is none of ``dstc.config.CONFIGS``.
    """

    def __init__(self, bus: SerialBus):
        self._bus = bus
        found = bus.read32(FeederRegister.ID)
        if found != FEEDER_ID:
            raise DstcError(f"Board must have a bare core, ID {FEEDER_ID:#x}, not {found:#x}")
        number = bus.read32(FeederRegister.CONFIG_ID)
        known = {AcceleratorConfig(core=each).config_id: each for each in CONFIGS.values()}
        if number not in known:
            raise DstcError(f"Core of the board must be a named configuration, not {number:#x}")
        self.config = known[number]

    def gemm(self, a: NDArray[Any], b: NDArray[Any], c: NDArray[Any] | None = None, *,
             mode: str = "sparse") -> tuple[NDArray[Any], dict[str, int]]:
        """``A B + C`` and the counters of the core.

        Parameters
        ----------
        a, b, c, mode
            As of ``Device.gemm``.

        Raises
        ------
        DstcError
            If operands do not fit, or the core stops with an error.
        """
        config, bus = self.config, self._bus
        job = gemm_job(encode(a, "A", config), encode(b, "B", config), c, config=config, mode=mode)
        inputs = {"instr": (job.words[:, None].view(np.uint8), None),
                  "a": (job.a_data, job.a_last), "b": (job.b_data, job.b_last),
                  "c": (job.c_data, None)}
        at = bus.hello.memory.start
        for stream, (data, last) in inputs.items():
            image = _image(data, last, beat_words(config, stream))
            self._place(stream, at, len(data), len(image))
            if image:
                bus.write_memory(at, image)
            at += len(image)
        size = job.d_beats * beat_words(config, "d") * WORD_BYTES
        self._place("d", at, job.d_beats, size)
        bus.write32(FeederRegister.CONTROL, 1)
        bus.wait_interrupt(None)
        status = bus.read32(FeederRegister.STATUS)
        if status >> 2 & 1:
            code, word = status >> 3 & 15, bus.read32(FeederRegister.WORD)
            bus.write32(FeederRegister.CONTROL, 2)
            raise DstcError(f"Core must end without an error, not with code {code} at word "
                            f"{word}: {ErrorCode(code).meaning}")
        counters = {name: bus.read32(counter_register(name)) for name in COUNTERS}
        beats = np.frombuffer(bus.read_memory(at, size), np.uint8)
        width = config.c_beat_bits // 8
        return job.assemble(beats.reshape(job.d_beats, -1)[:, :width]), counters

    def _place(self, stream: str, at: int, beats: int, size: int) -> None:
        if at + size > self._bus.hello.memory.stop or beats >= 1 << BEATS_BITS:
            raise DstcError(f"Streams must fit the {len(self._bus.hello.memory)} bytes of the "
                            f"board and have less than {1 << BEATS_BITS} beats: {stream} has "
                            f"{size} bytes and {beats} beats")
        self._bus.write32(place_register(stream), at)
        self._bus.write32(beats_register(stream), beats)


def _image(data: NDArray[np.uint8], last: NDArray[np.bool_] | None, words: int) -> bytes:
    """Beats as they are in memory."""
    image = np.zeros((len(data), words * WORD_BYTES), np.uint8)
    image[:, :data.shape[1]] = data
    if last is not None:
        image[:, (words - 1) * WORD_BYTES] = last
    return image.tobytes()
