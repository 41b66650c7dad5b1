# amaranth: UnusedElaboratable=no
"""UART: bytes on the line against a line model, cycles, noise, breaks, a clock that is off."""

import random
from itertools import pairwise

import pytest
from unit_bench import Bench

from dstc_hdl.board.uart import UartReceiver, UartTransmitter

DELAY = 3       # cycles of the synchroniser and of noticing the start bit


def levels(data, divisor, stop=1):
    """The line, cycle by cycle, of bytes back to back."""
    return [bit for byte in data
            for bit in (0, *(byte >> n & 1 for n in range(8)), stop) for _ in range(divisor)]


def received(line, divisor, p=1.0):
    """Bytes that a receiver takes from a line, and the cycles in which it has them."""
    bench = Bench(UartReceiver(divisor))
    out = bench.take("o", p)
    bench.before(lambda ctx, cycle: ctx.set(bench.dut.rx, line[cycle] if cycle < len(line) else 1))
    bench.run(lambda: bench.cycle > len(line) + 20 * divisor, len(line) + 30 * divisor)
    return out.tokens, out.cycles


@pytest.mark.parametrize("divisor", [4, 5, 25])
def test_receives(divisor):
    data = random.Random(divisor).randbytes(20)
    tokens, cycles = received([1] * 7 + levels(data, divisor), divisor)
    assert bytes(tokens) == data
    # In the middle of the stop bit.
    middle = divisor // 2 + 9 * divisor
    assert cycles[0] - (7 + middle) in range(DELAY + 1)
    assert {b - a for a, b in pairwise(cycles)} == {10 * divisor}


@pytest.mark.parametrize("drift", [-0.04, -0.02, 0.02, 0.04])
def test_receives_with_another_clock(drift):
    data = random.Random(1).randbytes(30)
    exact = levels(data, 25)
    line = [exact[int(n * (1 + drift))] for n in range(int((len(exact) - 1) / (1 + drift)))]
    assert bytes(received([1] * 9 + line, 25)[0]) == data


def test_noise_and_breaks():
    """A short pulse is no start bit; a byte without a stop bit is dropped, and so is a break."""
    divisor = 8
    line = [1] * 5 + [0] * 3 + [1] * 20 + levels(b"\x55", divisor)
    line += levels(b"\xa5", divisor, stop=0) + [0] * 500 + [1] * 20 + levels(b"\x33", divisor)
    assert received(line, divisor)[0] == [0x55, 0x33]


def test_a_byte_that_nobody_takes_is_replaced():
    bench = Bench(UartReceiver(4))
    line = levels(b"abc", 4)
    out = bench.take("o", 0.0)
    out._checker.see = lambda *_: None          # this stream may change: the line does not wait
    bench.before(lambda ctx, cycle: ctx.set(bench.dut.rx, line[cycle] if cycle < len(line) else 1))
    bench.run(lambda: bench.cycle > len(line) + 10, 300)
    out.p = 1.0
    bench.run(lambda: out.tokens, 10)
    assert out.tokens == [ord("c")]


@pytest.mark.parametrize("divisor, p", [(4, 1), (7, 1), (5, 0.02)])
def test_sends(divisor, p):
    """Decoded by sampling the middle of each bit after a falling edge."""
    data = random.Random(divisor).randbytes(20)
    bench, line = Bench(UartTransmitter(divisor)), []
    source = bench.drive("i", data, p)
    bench.after(lambda cycle, tx: line.append(tx), "tx")
    bench.run(lambda: source.idle, 100_000)
    end = bench.cycle + 11 * divisor
    bench.run(lambda: bench.cycle == end, 12 * divisor)
    got, at = [], 0
    starts = []
    while 0 in line[at:]:
        at = line.index(0, at)
        starts.append(at)
        bits = [line[at + divisor // 2 + n * divisor] for n in range(10)]
        assert bits[0] == 0 and bits[9] == 1
        got.append(sum(bit << n for n, bit in enumerate(bits[1:9])))
        at += 9 * divisor + divisor // 2
    assert bytes(got) == data
    if p == 1:
        assert {b - a for a, b in pairwise(starts)} == {10 * divisor}


@pytest.mark.parametrize("part", [UartReceiver, UartTransmitter])
@pytest.mark.parametrize("divisor", [3, 0, 4.5])
def test_refuses(part, divisor):
    with pytest.raises(ValueError, match=f"at least 4, not {divisor}"):
        part(divisor)
