"""The link in pysim, by the driver's bus and by hand: every command, every error, a bad line."""

import contextlib
import random
import zlib

import pytest
from board_line import CLOCK, MEMORY, Line

from dstc.accelerator.registers import register
from dstc.device.serial_bus import LinkError, SerialBus
from dstc.device.serial_protocol import FrameReader, Status, frame

BASE = MEMORY.start
FLAG, ESCAPE = 0x7E, 0x7D


def answers(line, data):
    """Contents of all frames that come after some bytes."""
    line.write(data)
    reader, contents = FrameReader(), []
    while piece := line.read(4096):
        contents += reader.feed(piece)
    return contents


def request(tag, command, address=0, body=b""):
    """A frame by the page, not by the code."""
    content = bytes([tag, command]) + address.to_bytes(4, "little") + body
    content += zlib.crc32(content).to_bytes(4, "little")
    stuffed = b"".join(bytes([ESCAPE, byte ^ 0x20]) if byte in (FLAG, ESCAPE) else bytes([byte])
                       for byte in content)
    return bytes([FLAG]) + stuffed + bytes([FLAG])


def test_hello():
    line = Line()
    body = (b"\x01" + BASE.to_bytes(4, "little") + len(MEMORY).to_bytes(4, "little")
            + CLOCK.to_bytes(4, "little"))
    assert answers(line, request(7, 0)) == [b"\x07\x00" + body]
    line.irq = 1
    assert answers(line, request(FLAG, 0)) == [bytes([FLAG, 0x80]) + body]
    bus = SerialBus(line)
    assert (bus.hello.memory, bus.hello.clock) == (MEMORY, CLOCK)
    assert bus.wait_interrupt(0.0)
    line.irq = 0
    assert not bus.wait_interrupt(0.0)


@pytest.mark.parametrize("p", [1.0, 0.3])
def test_memory_and_registers(p):
    """Any place and size, against a model; bytes that must be escaped among them."""
    line = Line(p=p, quiet=2200)
    bus, rng, model = SerialBus(line), random.Random(1), bytearray(len(MEMORY))
    for size in (1, 2, 7, 8, 9, 63, 1030):
        place = rng.randrange(len(MEMORY) - size)
        data = bytes(rng.choice((FLAG, ESCAPE, 0x5E, 0x5D, rng.randrange(256)))
                     for _ in range(size))
        bus.write_memory(BASE + place, data)
        model[place:place + size] = data
    place = rng.randrange(3000)
    assert bus.read_memory(BASE + place, 1030) == model[place:place + 1030]
    bus.write_memory(BASE, b"first")
    bus.write_memory(MEMORY.stop - 4, b"last")
    assert bus.read_memory(BASE, 5) == b"first"
    assert bus.read_memory(MEMORY.stop - 4, 4) == b"last"
    ring = register("RING_LO").offset
    bus.write32(ring, 0x7D7E_1240)
    assert bus.read32(ring) == 0x7D7E_1240
    assert bus.read32(0) == 0x43545344
    assert bus.repeats == 0


@pytest.mark.parametrize("command, address, body, status", [
    (5, 0, b"", Status.COMMAND), (0xFF, 0, b"abc", Status.COMMAND),
    (0, 0, b"x", Status.LENGTH), (1, 0, b"x", Status.LENGTH), (2, 0, b"abc", Status.LENGTH),
    (2, 0, b"abcde", Status.LENGTH), (3, BASE, b"\x01", Status.LENGTH),
    (3, BASE, b"\x00\x00", Status.LENGTH), (3, BASE, b"\x01\x04", Status.LENGTH),
    (3, BASE, b"\x01\x00\x00", Status.LENGTH), (4, BASE, b"", Status.LENGTH),
    (3, BASE - 1, b"\x02\x00", Status.ADDRESS), (3, MEMORY.stop, b"\x01\x00", Status.ADDRESS),
    (3, MEMORY.stop - 1, b"\x02\x00", Status.ADDRESS),
    (3, 0xFFFF_FFFF, b"\x02\x00", Status.ADDRESS),
    (4, BASE - 1, b"xy", Status.ADDRESS), (4, MEMORY.stop - 1, b"xy", Status.ADDRESS),
    (4, 0, b"x", Status.ADDRESS), (1, 0x1000, b"", Status.ADDRESS),
    (2, 0x8000_0000, b"abcd", Status.ADDRESS),
    (1, 0xFFC, b"", Status.REGISTER), (2, 0, b"abcd", Status.REGISTER)])
def test_refused(command, address, body, status):
    """Nothing is written, the answer says why, and the next request is as good as the first."""
    line = Line()
    assert answers(line, request(9, command, address, body)) == [bytes([9, status])]
    bus = SerialBus(line)
    assert bus.read_memory(BASE, 16) == bytes(16)
    assert bus.read_memory(MEMORY.stop - 16, 16) == bytes(16)


def test_longest_and_too_long():
    line = Line(quiet=2200)
    assert answers(line, request(1, 4, BASE, bytes(range(256)) * 4)) == [bytes([1, 0])]
    for extra in (1, 4, 5, 500):
        wrong = request(2, 4, BASE, b"\xff" * (1024 + extra))
        assert answers(line, wrong) == [bytes([2, Status.CHECKSUM])]
    assert SerialBus(line).read_memory(BASE, 300) == (bytes(range(256)) * 2)[:300]


@pytest.mark.parametrize("seed", range(3))
def test_damaged_frames(seed):
    """A changed, lost or added byte, or a frame cut short: nothing is written, a checksum answer
    at most; the request after it is answered."""
    line, rng = Line(seed, period=16), random.Random(seed)
    good = request(3, 4, BASE + 100, rng.randbytes(20))
    for n in range(8):
        at = rng.randrange(1, len(good) - 1)
        bad = {0: good[:at] + bytes([good[at] ^ 1 << rng.randrange(8)]) + good[at + 1:],
               1: good[:at] + good[at + 1:],
               2: good[:at] + rng.randbytes(1) + good[at:],
               3: good[:at]}[n % 4]
        if bad in (good, good[:-1]):
            continue
        got = answers(line, bad + request(200, 0))
        assert all(content[1] == Status.CHECKSUM for content in got[:-1]), (n, got)
        assert got[-1][:2] == bytes([200, 0]), (n, got)
    assert SerialBus(line).read_memory(BASE + 100, 20) == bytes(20)


@pytest.mark.parametrize("seed", range(3))
def test_bus_on_a_bad_line(seed):
    """One byte in 150 is changed, lost or joined by another, in both directions."""
    line, rng = Line(seed, period=16), random.Random(seed)

    def harm(number, byte):
        if rng.random() > 1 / 150:
            return [byte]
        return rng.choice(([], [byte ^ 1 << rng.randrange(8)], [byte, rng.randrange(256)]))

    line.harm = harm
    take = line.read
    line.read = lambda size: bytes(part for byte in take(size) for part in harm(0, byte))
    bus = None
    while bus is None:
        with contextlib.suppress(LinkError):
            bus = SerialBus(line)
    model = rng.randbytes(300)
    for at in range(0, 300, 60):
        bus.write_memory(BASE + at, model[at:at + 60])
    assert b"".join(bus.read_memory(BASE + at, 60) for at in range(0, 300, 60)) == model
    assert bus.repeats


def test_garbage_before_and_silence():
    """Whatever the line brought before, a frame is found by its flag; empty frames do not count."""
    line = Line(period=16)
    garbage = bytes(byte for byte in random.Random(1).randbytes(300) if byte != FLAG)
    [*errors, last] = answers(line, garbage + request(5, 0))
    assert last[:2] == bytes([5, 0]) and all(error[1] == Status.CHECKSUM for error in errors)
    assert answers(line, bytes([FLAG]) * 9) == []
    assert answers(line, frame(b"")[:-1] + bytes([FLAG])) != []


def test_messages():
    bus = SerialBus(Line())
    with pytest.raises(LinkError, match=r"READ_MEMORY at 0x10, not answer ADDRESS"):
        bus.read_memory(0x10, 4)
    with pytest.raises(LinkError, match=r"WRITE_REGISTER at 0x0, not answer REGISTER"):
        bus.write32(0, 1)
    assert bus.repeats == 0
