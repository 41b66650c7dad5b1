"""What stops a node: code and address of every fault, and that it runs again after a reset."""

import numpy as np
import pytest
from axi_memory import accelerator
from node_bench import NodeBench
from node_image import Image
from test_node import random_product

from dstc.accelerator.records import ENTRY, PROGRAM, TILES
from dstc.accelerator.registers import DeviceErrorCode
from dstc.conv.words import ConvErrorCode, pack
from dstc.isa import ErrorCode

SLVERR, DECERR = 2, 3
SHAPE, DENSITIES = (8, 16, 8), (.9, .9)


class Bed:
    """A small product on a node, to be spoilt again and again; every run must be as good as new."""

    def __init__(self, bus):
        self.image = Image(accelerator(bus), seed=bus)
        self.product, self.wanted = random_product(self.image, SHAPE, DENSITIES, 5)
        self.address = self.product.program()
        self.clean = bytes(self.image.bytes)
        self.bench = NodeBench(self.image, 1, timeout=200)

    def restore(self):
        self.image.bytes[:] = self.clean
        self.bench.reads.bad.clear()
        self.bench.writes.bad.clear()
        self.bench.pins |= {"window_first": self.image.base, "timeout": 200}
        self.bench.reset()

    def fails(self, code, address, program=None):
        """The program must end with that fault."""
        found = self.bench.fail(program or self.address)
        assert found == (code, address), f"not {code!r} at {address:#x} but {found}"
        self.restore()

    def runs(self):
        self.bench.execute(self.address)
        assert self.product.result_array.tobytes() == self.wanted.tobytes()
        self.restore()

    def spoil(self, address, mask):
        """Flip bits of the 64-bit word at an address."""
        self.image.write(address, (self.image.word(address) ^ mask).to_bytes(8, "little"))

    def instruction(self, n):
        return self.address + 64 * (n + 1)

    def again(self, post):
        """The program with other words for the epilogue: its address, and that of the words."""
        program = self.image.program(self.product.instructions, post)
        self.clean = bytes(self.image.bytes)
        return program, self.image.word(program + 8 * PROGRAM["post"].word)


@pytest.fixture(scope="module")
def bed():
    return Bed(128)


def test_program(bed):
    bed.spoil(bed.address, 1 << 3)
    bed.fails(DeviceErrorCode.PROGRAM, bed.address)
    bed.spoil(bed.instruction(1), 1 << 7)
    bed.fails(DeviceErrorCode.INSTRUCTION, bed.instruction(1))


def test_directories(bed):
    a, b = bed.product.a, bed.product.b
    bed.spoil(a.entry(0, 1), 1 << 60)
    bed.fails(DeviceErrorCode.DIRECTORY, a.entry(0, 1))
    bed.spoil(b.entry(1, 0), 31 << ENTRY["beats"].lsb)
    bed.fails(DeviceErrorCode.DIRECTORY, b.entry(1, 0))
    bed.spoil(b.row(1), 1 << 2)
    bed.fails(DeviceErrorCode.DIRECTORY, b.row(1))


def test_records(bed):
    """The bitmaps say one thing, the directory another."""
    a, b = bed.product.a, bed.product.b
    for tiles, code in ((a, ErrorCode.A_RECORD), (b, ErrorCode.B_RECORD)):
        for row, k_tile, short in ((0, 1, True), (tiles.rows - 1, 0, False)):
            entry = tiles.entry(row, k_tile)
            beats = ENTRY.unpack([bed.image.word(entry)])["beats"]
            wrong = beats - 1 if short else 1
            bed.spoil(entry, (beats ^ wrong) << ENTRY["beats"].lsb)
            bed.fails(code, tiles.records[row * tiles.k_tiles + k_tile])
    bed.runs()


def test_words_of_the_epilogue(bed):
    config, words = bed.image.config, list(bed.product.post)
    second = bed.product.result + bed.product.tile_bytes
    program, post = bed.again([words[0], words[1] | 1 << 40])
    bed.fails(ConvErrorCode.POST_WORD, post + 8, program)
    records = pack(config, "POST", relu=0, raw=0, bias=0, params=0, rows=8, blocks=2)
    for wrong in ([words[0], records], words[:1]):
        program, _ = bed.again(wrong)
        bed.fails(DeviceErrorCode.RESULT, second, program)
    program, post = bed.again([*words, words[0]])
    bed.fails(DeviceErrorCode.LEFTOVER, post + 16, program)


def test_bus_errors(bed):
    """The address is that of the beat, of a write that of the burst."""
    product, size = bed.product, bed.image.acc.data_bytes
    record = product.b.records[3]
    for n, address in enumerate((bed.address, bed.instruction(1) + 48, product.a.row(0),
                                 product.b.entry(1, 0), product.a.records[1], record + 16,
                                 product.c + 240)):
        at = address - address % size
        bed.bench.reads.bad[at] = (SLVERR, DECERR)[n % 2]
        bed.fails(DeviceErrorCode.READ, at)
    second = product.result + product.tile_bytes
    bed.bench.writes.bad[second] = DECERR
    bed.fails(DeviceErrorCode.WRITE, second)
    bed.runs()


def test_window(bed):
    bed.bench.pins["window_first"] = bed.address
    bed.fails(DeviceErrorCode.ADDRESS, bed.image.word(bed.address + 8 * PROGRAM["post"].word))
    for name, place in (("c", 1 << 41), ("result", bed.image.base - 256), ("b", 1 << 30)):
        bed.spoil(bed.instruction(1) + 8 * TILES[name].word,
                  TILES.unpack(bed.product.instructions[1])[name] ^ place)
        bed.fails(DeviceErrorCode.ADDRESS, place)


def test_timeout(bed):
    bed.bench.reads.r.p = 0
    bed.bench.starts.queue.append(bed.address)
    bed.bench.run(lambda: bed.bench.failed, 1000)
    assert (bed.bench.fault["code"], bed.bench.fault["address"]) == (DeviceErrorCode.TIMEOUT, 0)
    # The header's burst is the last that moved.
    assert 200 <= bed.bench.cycle - bed.bench.reads.address.cycles[-1] < 206
    bed.bench.reads.r.p = 1
    bed.restore()
    bed.runs()


def test_stop_and_reset_at_any_time(bed):
    rng = np.random.default_rng(bed.image.acc.data_bits)
    for _ in range(5):
        bed.bench.starts.queue.append(bed.address)
        bed.bench.run_on(int(rng.integers(5, 250)))
        bed.restore()
    bed.runs()
