"""A board behind its serial pins, and everything that can go wrong on the line."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc.device import SerialBus
from dstc.device.serial_protocol import Command, FrameReader, Status, frame

from .serial_line import SerialLine

__all__ = ["BoardBench", "same"]

TAG = 77


def same(got: NDArray[Any], want: NDArray[Any]) -> bool:
    """Equal in every bit."""
    return got.dtype == want.dtype and got.shape == want.shape and got.tobytes() == want.tobytes()


class BoardBench:
    """A board, running.

    Attributes
    ----------
    bench : Bench
    rng : numpy.random.Generator
    line : SerialLine
    bus : SerialBus
        After :meth:`open`.
    """

    def __init__(self, bench: Any):
        self.bench = bench
        self.rng = np.random.default_rng(bench.rng.getrandbits(64))

    async def open(self) -> None:
        """Reset, and the first request."""
        await self.bench.start(rx=1)
        self.line = SerialLine(self.bench)
        await self.bench.tick(50)
        self.bus = await self.call(SerialBus, self.line)

    async def call(self, function: Any, *arguments: Any, **options: Any) -> Any:
        """Run something that uses the bus."""
        return await self.line.call(function, *arguments, **options)

    def elements(self, shape: tuple[int, ...], density: float) -> NDArray[Any]:
        """Some of them zero, all small enough for any element type."""
        values = self.rng.integers(-20, 21, shape) * (self.rng.random(shape) < density)
        return values.astype(self.bench.config.format.dtype)

    def accumulators(self, shape: Any) -> NDArray[Any]:
        """Of the accumulator type."""
        return self.rng.integers(-1000, 1000, shape).astype(self.bench.config.format.acc_dtype)

    async def bad_line(self, offset: int) -> None:
        """Frames that are damaged, cut, noise or cannot be carried out: each is answered as
        docs/fpga.md says and changes nothing, and the next request is answered.

        Parameters
        ----------
        offset : int
            A register that does not change.
        """
        memory = self.bus.hello.memory
        known = await self.call(self.bus.read32, offset)
        await self.call(self.bus.write_memory, memory.start, b"\x11")
        for what, (data, status) in self._bad_frames(memory).items():
            await self.line.send(data)
            got = b""
            while status is not None and (more := await self.call(self.line.read, 100)):
                got += more
            if status is not None:
                answers = FrameReader().feed(got)
                assert [answer[1] for answer in answers] == [status], f"{what}: {answers}"
            assert await self.call(self.bus.read32, offset) == known, what
            assert await self.call(self.bus.read_memory, memory.start, 1) == b"\x11", what

    def _bad_frames(self, memory: range) -> dict[str, tuple[bytes, Status | None]]:
        """Bytes on the line and the one answer to them; None: the next request ends them."""
        def request(command: int, address: int, body: bytes = b"") -> bytes:
            return frame(bytes([TAG, command]) + address.to_bytes(4, "little") + body)

        good = request(Command.WRITE_MEMORY, memory.start, b"\x55")
        noise = self.bench.rng.randbytes(9).replace(b"\x7e", b"!")
        return {
            "a wrong checksum": (bytes([*good[:8], good[8] ^ 1, *good[9:]]), Status.CHECKSUM),
            "a frame cut short": (good[:6] + good[-1:], Status.CHECKSUM),
            "a frame that never ends": (good[:-3], None),
            "noise": (noise, None),
            "an unknown command": (request(99, 0), Status.COMMAND),
            "an address outside": (
                request(Command.READ_MEMORY, memory.stop, b"\x01\x00"), Status.ADDRESS),
            "a register that is not there": (
                request(Command.READ_REGISTER, 0xFFC), Status.REGISTER),
            "a wrong length": (request(Command.HELLO, 0, b"\x01"), Status.LENGTH),
        }
