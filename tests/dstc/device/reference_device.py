"""A device in plain Python: registers, jobs, programs and memory as docs/memory.md has them.

It decodes what the driver has written bit by bit, on its own, and computes with the golden model.
Whatever is not as documented fails here.
"""

import numpy as np
from gather_interpreter import GatherUnit
from reference_records import decode_record, encode_record, raw_tile, tile_of_raw

from dstc import golden
from dstc.accelerator.registers import (
    COUNTER_NAMES,
    REGISTERS,
    all_counters,
)
from dstc.conv.epilogue import Epilogue, apply

OFFSETS = {each.name: each.offset for each in REGISTERS}
COUNTERS = {offset: (core, name) for core, name, offset in all_counters()}
WRITABLE = {each.offset for each in REGISTERS if each.access != "ro"}


def bits(value, lsb, width):
    return int(value) >> lsb & (1 << width) - 1


class ReferenceDevice:
    """A bus with a device that ends every job at once.

    Attributes
    ----------
    failures : list
        (code, core, address) of errors with which the next jobs end instead.
    hangs : bool
        Jobs do not end.
    deaf : bool
        The interrupt line is never high.
    tiles_read : dict
        Records fetched in the job that ended last, by kind.
    """

    def __init__(self, accelerator, memory, *, changes=None):
        core = accelerator.core
        self.accelerator, self.config = accelerator, core
        self.base, self.memory = memory.start, bytearray(len(memory))
        self.failures, self.hangs, self.deaf, self.stuck = [], False, False, False
        elements = ["fp16", "bf16", "fp8_e4m3", "fp8_e5m2", "int8"]
        self.registers = dict.fromkeys(OFFSETS.values(), 0)
        values = {
            "ID": 0x43545344, "VERSION": 0x100, "CONFIG_ID": accelerator.config_id,
            "TILE": core.tile_m | core.tile_n << 8 | core.tile_k << 16,
            "ARRAY": core.array_rows | core.array_cols << 8 | core.slots << 16
            | elements.index(core.element) << 24,
            "SYSTEM": accelerator.cores | accelerator.data_bits // 8 << 8
            | accelerator.address_bits << 16,
            "CONVOLUTION": core.window_tiles | core.window_spans << 8, **(changes or {})}
        for name, value in values.items():
            self.set(name, value)
        self.counters = {}
        self.programs_run = []
        self.tiles_read = {}

    def set(self, name, value):
        self.registers[OFFSETS[name]] = value

    def get(self, name):
        return self.registers[OFFSETS[name]]

    def wide(self, name):
        return self.get(f"{name}_LO") | self.get(f"{name}_HI") << 32

    # The bus.

    def read32(self, offset):
        if offset in COUNTERS or offset - 4 in COUNTERS:
            high = offset not in COUNTERS
            return self.counters.get(COUNTERS[offset - 4 * high], 0) >> 32 * high & 0xFFFFFFFF
        return self.registers[offset]

    def write32(self, offset, value):
        assert offset in WRITABLE and 0 <= value < 1 << 32
        if offset == OFFSETS["IRQ_STATUS"]:
            self.registers[offset] &= ~value
        elif offset == OFFSETS["CONTROL"] and value & 2:
            self.registers[offset] = value & 1 | (2 if self.stuck else 0)
            for name in ("HEAD", "TAIL", "ERROR", "IRQ_STATUS", "STATUS"):
                self.set(name, 0)
        else:
            self.registers[offset] = value
        self.work()

    def read_memory(self, address, size):
        at = address - self.base
        assert 0 <= at <= at + size <= len(self.memory)
        return bytes(self.memory[at:at + size])

    def write_memory(self, address, data):
        at = address - self.base
        assert 0 <= at <= at + len(data) <= len(self.memory)
        self.memory[at:at + len(data)] = data

    def wait_interrupt(self, timeout):
        high = bool(self.get("IRQ_STATUS") & self.get("IRQ_ENABLE")) and not self.deaf
        assert high or timeout is not None, "a wait without end"
        return high

    # The device's way to memory.

    def load(self, address, size):
        assert self.wide("WINDOW_FIRST") <= address
        assert address + size - 1 <= self.wide("WINDOW_LAST")
        return self.read_memory(address, size)

    def store(self, address, data):
        assert self.wide("WINDOW_FIRST") <= address
        assert address + len(data) - 1 <= self.wide("WINDOW_LAST")
        self.write_memory(address, data)

    def words(self, address, count):
        assert count == 0 or address % 16 == 0
        return np.frombuffer(self.load(address, 8 * count) if count else b"", "<u8").tolist()

    # Jobs.

    def work(self):
        while (self.get("CONTROL") == 1 and not self.get("STATUS") & 2 and not self.hangs
               and self.get("HEAD") != self.get("TAIL")):
            entry = self.get("HEAD") % (1 << self.get("RING_SIZE"))
            at = self.wide("RING") + 64 * entry
            assert at % 64 == 0
            job = self.words(at, 8)
            if self.failures:
                self.fail(*self.failures.pop(0))
                return
            assert job[0] == 0x1_4A545344 and job[6:] == [0, 0]
            self.counters = {}
            self.tiles_read = {"A": 0, "B": 0}
            cores = [core for core in range(4) if job[1 + core]]
            assert cores and cores[-1] < self.accelerator.cores
            self.programs_run.append(len(cores))
            for core in cores:
                Program(self, job[1 + core]).run()
                for index, name in enumerate(COUNTER_NAMES):
                    self.counters[core, name] = (1 << 32) * (core + 1) + index
            self.set("JOB_TAG_LO", job[5] & 0xFFFFFFFF)
            self.set("JOB_TAG_HI", job[5] >> 32)
            self.set("JOB_CYCLES_LO", 1000 + len(self.programs_run))
            self.set("HEAD", (self.get("HEAD") + 1) % (1 << 16))
            self.set("IRQ_STATUS", self.get("IRQ_STATUS") | 1)

    def fail(self, code, core, address):
        self.set("ERROR", code | core << 8)
        self.set("ERROR_ADDRESS_LO", address & 0xFFFFFFFF)
        self.set("ERROR_ADDRESS_HI", address >> 32)
        self.set("STATUS", 2)
        self.set("IRQ_STATUS", self.get("IRQ_STATUS") | 2)


class Program:
    """One program of one core."""

    def __init__(self, device, address):
        self.device, self.config = device, device.config
        head = device.words(address, 8)
        assert address % 64 == 0
        assert bits(head[0], 0, 40) == 0x1_50545344 and head[0] >> 41 == 0
        assert head[7] == device.accelerator.config_id
        self.lowered = bits(head[0], 40, 1)
        count, posts = bits(head[1], 0, 32), bits(head[1], 32, 32)
        self.tiles = [device.words(address + 64 * (1 + n), 8) for n in range(count)]
        self.post = iter(device.words(head[2], posts))
        self.epilogues = {}
        gathers, records = bits(head[4], 0, 32), bits(head[4], 32, 32)
        assert self.lowered or gathers == records == head[6] == 0
        self.made = iter(self.gather(device.words(head[3], gathers), head[5], records, head[6]))

    def gather(self, words, at, count, directory):
        numbers = np.frombuffer(self.device.load(at, 4 * count) if count else b"", "<u4")
        tiles = [self.record("A", directory + 8 * int(number)) for number in numbers]
        unit = GatherUnit(self.config, tiles)
        unit.run(words)
        return unit.tiles

    def run(self):
        for words in self.tiles:
            assert bits(words[0], 0, 8) == 0x60 and words[0] >> 32 == 0 and words[7] == 0
            self.tile(words)
        assert next(self.post, None) is None and next(self.made, None) is None

    def tile(self, words):
        config, device = self.config, self.device
        pair, dense, load_c, raw = (bits(words[0], lsb, 1) for lsb in range(8, 12))
        ktiles = bits(words[0], 16, 16)
        a, b, c, result, y = words[1:6]
        assert a == 0 if self.lowered else a
        warp_part = (ktiles + 127) // 128 * 16
        row_bytes = warp_part + (ktiles + 1) // 2 * 16
        rows_b = [b + n * row_bytes for n in range(1 + pair)]
        all_ones = (1 << ktiles) - 1
        masks_b = [all_ones if dense else self.warp(row, ktiles) for row in rows_b]
        mask_a = all_ones if dense or self.lowered else self.warp(a, ktiles)
        both = mask_a & (masks_b[0] | masks_b[-1])
        steps = [k for k in range(ktiles) if both >> k & 1]
        tiles_a = {k: self.tile_a(a + warp_part + 8 * k) for k in steps}
        tile_bytes = config.tile_m * config.tile_n * 4
        record = bits(words[6], 16, 16)
        blocks = [bits(words[6], 32, 6), bits(words[6], 40, 6)]
        assert raw == (y == 0) and (not raw or words[6] == 0)
        for n, (row, mask) in enumerate(zip(rows_b, masks_b, strict=True)):
            present = [k for k in steps if mask >> k & 1]
            start = (tile_of_raw(device.load(c + n * tile_bytes, tile_bytes), config) if load_c
                     else np.zeros((config.tile_m, config.tile_n), config.format.acc_dtype))
            acc = start
            if present:
                left = np.concatenate([tiles_a[k] for k in present], axis=1)
                right = np.concatenate([self.record("B", row + warp_part + 8 * k)
                                        for k in present])
                acc = golden.matmul(left, right, start)
            results = self.epilogue(acc, raw, blocks[n])
            if raw:
                device.store(result + n * tile_bytes, raw_tile(results, config))
            else:
                self.write_records(results, blocks[n], result, record, y, bits(words[6], 0, 16))
                result += blocks[n] * self.slot
                record += blocks[n]

    @property
    def slot(self):
        """Bytes of the longest record, in units of 64."""
        config = self.config
        full = np.ones((config.tile_m, config.tile_k), config.format.dtype)
        return -(-len(encode_record(full, config)) // 64) * 64

    def tile_a(self, entry):
        return (np.array(next(self.made), self.config.format.dtype) if self.lowered
                else self.record("A", entry))

    def warp(self, row, ktiles):
        assert row % 16 == 0
        mask = int.from_bytes(self.device.load(row, (ktiles + 127) // 128 * 16), "little")
        assert mask >> ktiles == 0
        return mask

    def record(self, side, entry):
        word = int.from_bytes(self.device.load(entry, 8), "little")
        beat_bits = self.config.a_beat_bits if side == "A" else self.config.b_beat_bits
        address, beats = bits(word, 0, 44) << 4, bits(word, 44, 16)
        assert word >> 60 == 0 and beats and address % max(16, beat_bits // 8) == 0
        self.device.tiles_read[side] += 1
        return decode_record(self.device.load(address, beats * beat_bits // 8), side, self.config)

    def epilogue(self, acc, raw, blocks):
        config = self.config
        word = next(self.post)
        relu, is_raw, bias, params = (bits(word, lsb, 1) for lsb in range(8, 12))
        assert bits(word, 0, 8) == 0x50 and is_raw == raw
        assert bits(word, 24, 6) == (1 if raw else blocks)
        if params:
            halves = [half for _ in range(config.tile_n // 2)
                      for half in _halves(next(self.post))]
            self.epilogues["bias"] = np.array(halves, "<u4").view(config.format.acc_dtype)
            if not config.format.is_float:
                scale = np.array([half for _ in range(config.tile_n // 2)
                                  for half in _halves(next(self.post))])
                self.epilogues |= {"multiplier": scale & 0xFFFF, "shift": scale >> 16}
        scaled = {} if raw or config.format.is_float else {
            name: self.epilogues[name] for name in ("multiplier", "shift")}
        results = apply(acc, Epilogue(bias=self.epilogues["bias"] if bias else None,
                                      relu=bool(relu), raw=bool(raw), **scaled), config.format)
        results[bits(word, 16, 6):] = 0
        return results

    def write_records(self, results, blocks, slot, first, y, ktiles):
        config, device = self.config, self.device
        assert first + blocks <= ktiles
        for n in range(blocks):
            tile = results[:, n * config.tile_k:(n + 1) * config.tile_k]
            data, at, number = encode_record(tile, config), slot + n * self.slot, first + n
            beats = len(data) * 8 // config.a_beat_bits
            device.store(at, data)
            entry = y + (ktiles + 127) // 128 * 16 + 8 * number
            device.store(entry, (at >> 4 | beats << 44).to_bytes(8, "little"))
            if tile.astype(np.float64).any():
                byte = y + number // 8
                device.store(byte, bytes([device.load(byte, 1)[0] | 1 << number % 8]))


def _halves(word):
    return word & 0xFFFFFFFF, word >> 32
