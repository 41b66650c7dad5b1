"""The host's end of the line alone: frames, and boards that do not answer as they should."""

import sys
import types
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstc.device import LinkError, SerialBus
from dstc.device.serial_protocol import FrameReader, frame
from dstc.errors import DstcError

FLAG = 0x7E


class Board:
    """Answers every request with what a function of its content gives; None: not at all."""

    def __init__(self, answer):
        self.answer, self.requests, self._out = answer, [], b""

    def write(self, data):
        for content in FrameReader().feed(data):
            self.requests.append(content)
            got = self.answer(content)
            if got is not None:
                self._out += frame(bytes([content[0]]) + got)

    def read(self, size):
        piece, self._out = self._out[:3], self._out[3:]
        return piece


def hello(content, version=1):
    """A board with 4 KiB at 0x80000000."""
    return bytes([0, version]) + b"".join(n.to_bytes(4, "little") for n in (1 << 31, 4096, 25))


def test_a_frame_byte_by_byte():
    assert frame(b"") == b"\x7e\x00\x00\x00\x00\x7e"
    content = b"\x7e\x41\x7d"
    check = zlib.crc32(content).to_bytes(4, "little")
    assert not {0x7D, 0x7E} & set(check)
    assert frame(content) == b"\x7e\x7d\x5e\x41\x7d\x5d" + check + b"\x7e"


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=4), st.integers(1, 9))
def test_frames_in_pieces(contents, step):
    line = b"noise" + b"".join(map(frame, contents)) + b"\x7e\x7enoise\x7e"
    reader = FrameReader()
    got = [content for at in range(0, len(line), step) for content in
           reader.feed(line[at:at + step])]
    assert got == contents


@given(st.binary(min_size=1, max_size=40), st.integers(0), st.integers(1, 255))
def test_a_changed_byte_is_found(content, place, change):
    line = bytearray(frame(content))
    at = 1 + place % (len(line) - 2)
    line[at] ^= change
    assert FrameReader().feed(bytes(line)) == []


def test_no_answer():
    board = Board(lambda content: None)
    with pytest.raises(LinkError, match="must answer HELLO at 0x0, and has not in 6 tries"):
        SerialBus(board)
    assert len({content[0] for content in board.requests}) == len(board.requests) == 6


def test_another_version():
    with pytest.raises(LinkError, match="version 1 of the protocol, not 2"):
        SerialBus(Board(lambda content: hello(content, 2)))


def test_repeats_what_was_damaged():
    answers = iter([b"\x01", None, b"\x01", hello(b"")])
    bus = SerialBus(Board(lambda content: next(answers)))
    assert bus.repeats == 3 and bus.hello.memory == range(1 << 31, (1 << 31) + 4096)


def test_late_answers_do_not_count():
    """An answer that comes after its request was given up has another tag."""
    board = Board(hello)
    bus = SerialBus(board)
    board._out = frame(bytes([bus._tag]) + b"\x00old!")
    board.answer = lambda content: b"\x00new!"
    assert bus.read32(0) == int.from_bytes(b"new!", "little")


@pytest.mark.parametrize("answer, message", [
    (b"\x00abc", "must have 8 bytes, not 3"), (b"\x04", "READ_MEMORY at 0x10, not answer ADDRESS"),
    (b"\x63", "not answer 99")])
def test_refused(answer, message):
    board = Board(hello)
    bus = SerialBus(board)
    board.answer = lambda content: answer
    with pytest.raises(LinkError, match=message):
        bus.read_memory(0x10, 8)


def test_a_short_description():
    with pytest.raises(DstcError, match="must have 13 bytes, not 2"):
        SerialBus(Board(lambda content: b"\x00ab"))


def test_ports(monkeypatch):
    """Without pyserial, without a port, and with one."""
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(LinkError, match="pyserial, which is not installed"):
        SerialBus.open("/dev/ttyUSB7")
    board, opened = Board(hello), []

    class Port:
        in_waiting = 2

        def __init__(self, port, baud, timeout):
            opened.append((port, baud, timeout))
            if port != "/dev/ttyUSB0":
                raise fake.SerialException("no such file")
            self.write = board.write

        def read(self, size):
            assert size == 2            # never more than is there, or it would wait
            return board.read(size)[:size]

    fake = types.SimpleNamespace(Serial=Port, SerialException=type("E", (OSError,), {}))
    monkeypatch.setitem(sys.modules, "serial", fake)
    with pytest.raises(LinkError, match="port /dev/ttyUSB7 must be there and free: no such file"):
        SerialBus.open("/dev/ttyUSB7")
    board.read = lambda size: (board._out[:size], setattr(board, "_out", board._out[size:]))[0]
    assert SerialBus.open("/dev/ttyUSB0").hello.clock == 25
    assert opened[-1] == ("/dev/ttyUSB0", 1_000_000, 0.25)
