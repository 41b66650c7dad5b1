"""Assembly text, program files, and both there and back."""

import re
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from isa_strategies import ALL, TINY, programs, words

from dstc.asm import assemble, disassemble, parse
from dstc.errors import DstcError
from dstc.isa import Instruction, WarpWord
from dstc.isa_stream import encode_program
from dstc.progfile import load_program, program_bytes, program_hex

EXAMPLE = """\
; one tile with C
ldc acc=0\t# either case
  Tile KTILES=0x21 , dense=0,acc=0 ; operands in any order
.warp a=0xff00FF00, b=4294967295
    .WARP b=1, a=0X1

STC acc=0\r
HALT"""
EXAMPLE_WORDS = [0x0012, 0x0021_0022, 0xffff_ffff_ff00_ff00, 0x1_0000_0001, 0x0018, 0x01]


def test_example():
    assert assemble(EXAMPLE, TINY).tolist() == EXAMPLE_WORDS
    assert disassemble(EXAMPLE_WORDS, TINY) == """\
LDC acc=0
TILE acc=0, dense=0, ktiles=33
    .warp a=0xff00ff00, b=0xffffffff
    .warp a=0x00000001, b=0x00000001
STC acc=0
HALT
"""


def test_addresses():
    text = disassemble(EXAMPLE_WORDS, TINY, addresses=True)
    assert [line.split(";")[1] for line in text.splitlines()] == [f" word {n}" for n in range(6)]
    assert assemble(text, TINY).tolist() == EXAMPLE_WORDS


@pytest.mark.parametrize("text", ["", "\n\n", "; nothing", "  # nothing\r\n"])
def test_empty(text):
    encoded = assemble(text, TINY)
    assert encoded.dtype == np.uint64
    assert encoded.size == 0
    assert disassemble(encoded, TINY) == ""


@pytest.mark.parametrize("config", ALL, ids=lambda c: c.name)
@given(data=st.data())
def test_program_to_text_and_back(config, data):
    items = data.draw(programs(config))
    encoded = encode_program(items, config)
    text = disassemble(encoded, config)
    assert list(parse(text, config)) == items
    assert np.array_equal(assemble(text, config), encoded)
    assert all(len(line) < 100 for line in text.splitlines())


@pytest.mark.parametrize("config", ALL, ids=lambda c: c.name)
@given(stream=st.lists(words(), max_size=6))
def test_any_words_are_exact_or_refused(config, stream):
    try:
        text = disassemble(stream, config)
    except DstcError:
        return
    assert assemble(text, config).tolist() == stream


@given(text=st.text(st.sampled_from("LDASTCHWM tile.warp=,0x19;#\n\r\t\x0c\x85-é"), max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        encoded = assemble(text, TINY)
    except DstcError as error:
        assert "\n" not in str(error)
    else:
        assert np.array_equal(assemble(disassemble(encoded, TINY), TINY), encoded)


NAMES = "HALT, BARRIER, LDA, LDB, LDC, STC, SPWMMA, WMMA, TILE, BOHMMA, POPC, OHMMA"


@pytest.mark.parametrize("text, message", [
    ("HALT\n NOP", f"Mnemonic must be one of {NAMES}, not 'NOP' (line 2, column 2)"),
    ("12", "Mnemonic must be a name, not '12' (line 1, column 1)"),
    ("HALT !", "Line must consist of names, numbers, '=' and ',', not '!' (line 1, column 6)"),
    ("LDA slot=-1", "Line must consist of names, numbers, '=' and ',', not '-' "
                    "(line 1, column 10)"),
    ("LDA", "Operands of LDA must be slot, not none (line 1, column 4)"),
    ("WMMA a=0, b=1  ; acc", "Operands of WMMA must be a, b, acc, not a, b (line 1, column 14)"),
    ("LDA slot", "Operand slot must be followed by '=', not the end of the line "
                 "(line 1, column 9)"),
    ("LDA slot 1", "Operand slot must be followed by '=', not '1' (line 1, column 10)"),
    ("LDA slot=", "Operand slot must be a decimal or 0x number, not the end of the line "
                  "(line 1, column 10)"),
    ("LDA slot=x1", "Operand slot must be a decimal or 0x number, not 'x1' (line 1, column 10)"),
    ("LDA slot=0x", "Operands must be separated by ',', not 'x' (line 1, column 11)"),
    ("LDA slot=1 1", "Operands must be separated by ',', not '1' (line 1, column 12)"),
    ("LDA slot=1,", "Operand must be a name, not the end of the line (line 1, column 12)"),
    ("LDA ,slot=1", "Operand must be a name, not ',' (line 1, column 5)"),
    ("LDA slot=1, acc=1", "Operand of LDA must be one of slot, not 'acc' (line 1, column 13)"),
    ("LDA slot=1, slot=1", "Operand slot of LDA must be given once, not again "
                           "(line 1, column 13)"),
    ("HALT now", "HALT must have no operand, not 'now' (line 1, column 6)"),
    ("\nLDA slot=2", "Field slot of LDA must be from 0 to 1 in configuration tiny, not 2 "
                     "(line 2, column 10)"),
    ("TILE acc=0, dense=0, ktiles=0", "Field ktiles of TILE must be from 1 to 65535 in "
     "configuration tiny, not 0 (line 1, column 29)"),
    ("LDA slot=" + "1" * 5000, "Operand slot must have at most 20 digits, not 5000 "
                               "(line 1, column 10)"),
    (".warp a=1, b=1", "Warp word must follow a TILE that has room for it, not another word "
                       "(line 1, column 1)"),
    ("TILE acc=0, dense=0, ktiles=1\n.warp a=3, b=1",
     "A warp bitmap must be zero at and past its 1 k-tiles, not 0x00000003 (line 2, column 1)"),
    ("TILE acc=0, dense=0, ktiles=1\n .warp a=1, b=0x100000000",
     "B warp bitmap must fit 32 bits, not 0x100000000 (line 2, column 2)"),
    ("TILE acc=0, dense=0, ktiles=33\n.warp a=1, b=1\nHALT",
     "HALT must come after the warp words of TILE, not 1 before their end (line 3, column 1)"),
    ("TILE acc=0, dense=0, ktiles=33\n.warp a=1, b=1",
     "Program must end after the last warp word of its last TILE, not 1 before it"),
    ("OHMMA acc=0, g=0, h=0, pred=0",
     "OHMMA must come after a BOHMMA, not before the first (line 1, column 1)"),
])
def test_refused_text(text, message):
    with pytest.raises(DstcError, match=f"^{re.escape(message)}$"):
        assemble(text, TINY)


ITEMS = [Instruction.of("LDA", slot=1), Instruction.of("TILE", acc=1, dense=1, ktiles=1),
         WarpWord(1, 0), Instruction.of("HALT")]


@pytest.mark.parametrize("name", ["tiny", "paper-int8", "12345678"])
def test_binary_file(tmp_path, name):
    encoded = encode_program(ITEMS, TINY)
    content = program_bytes(encoded, name)
    assert len(content) % 8 == 0
    (tmp_path / "p.bin").write_bytes(content)
    loaded, config_name = load_program(tmp_path / "p.bin")
    assert config_name == name
    assert loaded.dtype == np.uint64
    assert loaded.tolist() == encoded.tolist()


def test_binary_layout():
    """The documented bytes, put together by hand."""
    body = b"tiny\0\0\0\0" + struct.pack("<4Q", 0x110, 0x1_0322, 1, 1)
    assert program_bytes(encode_program(ITEMS, TINY), "tiny") == (
        b"DSTCPROG" + struct.pack("<HHIQ", 1, 4, zlib.crc32(body), 4) + body)


def test_hex_file(tmp_path):
    encoded = encode_program(ITEMS, TINY)
    assert program_hex(encoded).splitlines()[0] == "0000000000000110"
    (tmp_path / "p.hex").write_text("// by hand\n" + program_hex(encoded) + "\n 0x1 ; halt\r\n")
    loaded, config_name = load_program(tmp_path / "p.hex")
    assert config_name is None
    assert loaded.tolist() == [*encoded.tolist(), 1]


@pytest.mark.parametrize("content", ["12345678901234567", "HALT", "1 2", "0x", "\x00", "é"])
def test_hex_refused(tmp_path, content):
    (tmp_path / "p.hex").write_text("1\n" + content)
    with pytest.raises(DstcError, match=r"^Line 2 of program file .* must be one word of 1 to 16 "
                       "hexadecimal digits, not "):
        load_program(tmp_path / "p.hex")


def test_every_truncation_and_flip_of_a_binary_is_refused(tmp_path):
    content = program_bytes(encode_program(ITEMS, TINY), "tiny")
    path = tmp_path / "p.bin"
    damaged = [content[:n] for n in range(8, len(content))] + [content + b"\0"]
    damaged += [content[:n] + bytes([content[n] ^ 1 << n % 8]) + content[n + 1:]
                for n in range(len(content))]
    for case in damaged:
        path.write_bytes(case)
        with pytest.raises(DstcError, match=r"^(Program file|Line 1 of program file) \S* must "):
            load_program(path)


def test_binary_with_a_foreign_name(tmp_path):
    body = b"\xfftiny\0\0\0"
    (tmp_path / "p.bin").write_bytes(
        b"DSTCPROG" + struct.pack("<HHIQ", 1, 5, zlib.crc32(body), 0) + body)
    with pytest.raises(DstcError, match=r"must name its configuration in ASCII, not b'.xfftiny'$"):
        load_program(tmp_path / "p.bin")
