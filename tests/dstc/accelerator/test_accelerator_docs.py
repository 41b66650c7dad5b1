"""The pages of registers and memory are what the tables make, and complete."""

import re
from pathlib import Path

import pytest

from dstc.accelerator import records_doc, registers_doc
from dstc.accelerator.records import ENTRY, JOB, PROGRAM, RECORD_WORDS, TILES
from dstc.accelerator.registers import COUNTER_NAMES, REGISTERS, DeviceErrorCode, all_counters
from dstc.conv.words import ConvErrorCode
from dstc.isa import ErrorCode

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = {"registers.md": registers_doc.page, "memory.md": records_doc.page}


@pytest.mark.parametrize("name", PAGES)
def test_committed_page_is_generated(name):
    text = (DOCS / name).read_text(encoding="utf-8")
    assert PAGES[name]() == text, "run `make docs`"
    assert all(len(line) <= 100 for line in text.splitlines() if not line.startswith("|"))


def test_every_register_counter_and_code_is_there():
    page = PAGES["registers.md"]()
    for spec in REGISTERS:
        assert f"| {spec.offset:#05x} | `{spec.name}` | {spec.access} |" in page
    assert list(registers_doc.COUNTER_MEANINGS) == list(COUNTER_NAMES)
    for code in (*ErrorCode, *ConvErrorCode, *DeviceErrorCode):
        assert bool(re.search(rf"^\| {int(code)} \| `{code.name}` \|", page, re.M)) == bool(code)


def test_registers_do_not_overlap():
    taken = [spec.offset for spec in REGISTERS]
    for _, _, offset in all_counters():
        taken += [offset, offset + 4]
    assert len(taken) == len(set(taken)) and max(taken) < 4096
    for spec in REGISTERS:
        masks = [(1 << field.width) - 1 << field.lsb for field in spec.fields]
        assert sum(masks) < 1 << 32 and all(a & b == 0 for n, a in enumerate(masks)
                                            for b in masks[:n])


def test_records_do_not_overlap():
    for spec in (JOB, PROGRAM, TILES, ENTRY):
        assert spec.words == (1 if spec is ENTRY else RECORD_WORDS)
        for word in range(spec.words):
            masks = [field.mask for field in spec.fields if field.word == word]
            assert sum(masks) < 1 << 64
            assert spec.reserved(word) == (1 << 64) - 1 - sum(masks)


def test_example_by_hand():
    """The dump in the page: warp bits 0 and 2; entries (place, beats); fp16 1, -2 and 0.5."""
    dump = re.findall(r"^([0-9a-f]{8}): (.*)$", PAGES["memory.md"](), re.M)
    memory = {int(at, 16): bytes.fromhex(data.replace(" ", "")) for at, data in dump}
    assert memory[0] == bytes([5] + [0] * 15)
    entries = [int.from_bytes(memory[at][half:half + 8], "little")
               for at in (16, 32) for half in (0, 8)]
    first = 0x8000_0100
    assert entries == [first >> 4 | 2 << 44, (first >> 4) + 1 | 1 << 44,
                       (first >> 4) + 2 | 2 << 44, 0]
    assert memory[first] == bytes([1, 1, 0, 0, 0, 0, 0, 0, 0, 0x3C, 0, 0xC0, 0, 0, 0, 0])
    assert memory[first + 16] == bytes(16)
    assert memory[first + 32] == bytes([1, 0, 0, 0, 0, 0, 0, 0, 0, 0x38, 0, 0, 0, 0, 0, 0])
