"""The instruction table, and words there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isa_strategies import ALL, TINY, instructions, programs, words

from dstc.config import CONFIGS
from dstc.errors import DstcError
from dstc.isa import (
    INSTRUCTIONS,
    ErrorCode,
    Instruction,
    ProgramError,
    WarpWord,
    decode,
    encode,
    spec_of,
    warp_words,
)
from dstc.isa_stream import decode_program, encode_program

# Opcode and bit ranges as written in the design, by hand.
LAYOUT = {
    "HALT": (0x01, {}),
    "BARRIER": (0x02, {}),
    "LDA": (0x10, {"slot": (10, 8)}),
    "LDB": (0x11, {"slot": (10, 8)}),
    "LDC": (0x12, {"acc": (8, 8)}),
    "STC": (0x18, {"acc": (8, 8)}),
    "SPWMMA": (0x20, {"a": (10, 8), "b": (14, 12), "acc": (16, 16)}),
    "WMMA": (0x21, {"a": (10, 8), "b": (14, 12), "acc": (16, 16)}),
    "TILE": (0x22, {"acc": (8, 8), "dense": (9, 9), "ktiles": (31, 16)}),
    "BOHMMA": (0x30, {"a": (10, 8), "b": (14, 12), "k": (24, 20)}),
    "POPC": (0x31, {}),
    "OHMMA": (0x32, {"acc": (8, 8), "g": (14, 12), "h": (18, 16), "pred": (20, 20)}),
}


def test_layout_is_the_designs():
    assert {s.mnemonic: (s.opcode, {f.name: (f.lsb + f.width - 1, f.lsb) for f in s.fields})
            for s in INSTRUCTIONS} == LAYOUT


def test_error_codes_are_the_designs():
    assert [int(code) for code in ErrorCode] == list(range(8))
    assert all(code.meaning for code in ErrorCode)


@pytest.mark.parametrize("spec", INSTRUCTIONS, ids=lambda s: s.mnemonic)
def test_fields_do_not_overlap(spec):
    used = 0xff
    for field in spec.fields:
        assert not used & field.mask
        used |= field.mask
    assert used ^ spec.reserved_mask == 2**64 - 1
    assert [f.lsb for f in spec.fields] == sorted(f.lsb for f in spec.fields)


@pytest.mark.parametrize("config", ALL, ids=lambda c: c.name)
def test_limits_fit_their_fields(config):
    for spec in INSTRUCTIONS:
        for field in spec.fields:
            assert field.low < field.stop(config) <= 1 << field.width


def test_known_words():
    of = Instruction.of
    assert encode(of("SPWMMA", a=3, b=2, acc=1), CONFIGS["paper"]) == 0x0001_2320
    assert encode(of("TILE", acc=1, dense=1, ktiles=40), CONFIGS["paper"]) == 0x0028_0322
    assert encode(of("BOHMMA", a=1, b=3, k=15), CONFIGS["paper"]) == 0x00f0_3130
    assert encode(of("OHMMA", acc=1, g=3, h=1, pred=1), CONFIGS["paper"]) == 0x0011_3132
    assert encode(of("HALT"), CONFIGS["paper"]) == 0x01


@pytest.mark.parametrize("config", ALL, ids=lambda c: c.name)
@given(data=st.data())
def test_instruction_round_trip(config, data):
    instruction = data.draw(instructions(config))
    assert decode(encode(instruction, config), config) == instruction


@pytest.mark.parametrize("config", ALL, ids=lambda c: c.name)
@given(word=words())
def test_any_word_is_exact_or_refused(config, word):
    layout = dict(LAYOUT.values())
    limit = {"slot": config.slots, "a": config.slots, "b": config.slots, "acc": 2, "dense": 2,
             "pred": 2, "k": config.tile_k, "g": config.tile_m // config.array_rows,
             "h": config.tile_n // config.array_cols, "ktiles": 65536}
    fields = layout.get(word & 0xff)
    if fields is None:
        want = ErrorCode.ILLEGAL_OPCODE
    else:
        values = {n: word >> low & (1 << high - low + 1) - 1 for n, (high, low) in fields.items()}
        rebuilt = (word & 0xff) + sum(values[n] << low for n, (_, low) in fields.items())
        if rebuilt != word:
            want = ErrorCode.RESERVED_BITS
        elif any(v >= limit[n] or (n == "ktiles" and not v) for n, v in values.items()):
            want = ErrorCode.FIELD_RANGE
        else:
            want = ErrorCode.NONE
    try:
        instruction = decode(word, config)
    except ProgramError as error:
        assert error.code == want
    else:
        assert want == ErrorCode.NONE
        assert encode(instruction, config) == word


@pytest.mark.parametrize("word", [-1, 2**64, 2**64 + 1])
def test_wider_words_are_refused(word):
    with pytest.raises(ProgramError, match="must have a known opcode"):
        decode(word, TINY)


@pytest.mark.parametrize("config", ALL, ids=lambda c: c.name)
def test_first_values_out_of_range(config):
    for spec in INSTRUCTIONS:
        for field in spec.fields:
            for value in (field.low - 1, field.stop(config)):
                operands = {f.name: f.low for f in spec.fields} | {field.name: value}
                with pytest.raises(ProgramError, match=f"^Field {field.name} of {spec.mnemonic} "
                                   f"must be from {field.low} to ") as caught:
                    encode(Instruction.of(spec.mnemonic, **operands), config)
                assert caught.value.code == ErrorCode.FIELD_RANGE
                if 0 <= value < 1 << field.width:
                    word = spec.opcode | sum(operands[f.name] << f.lsb for f in spec.fields)
                    with pytest.raises(ProgramError) as caught:
                        decode(word, config)
                    assert caught.value.code == ErrorCode.FIELD_RANGE


def test_operands_are_named():
    assert Instruction.of("OHMMA", pred=0, h=1, g=2, acc=1).operands == (1, 2, 1, 0)
    assert Instruction.of("OHMMA", pred=0, h=1, g=2, acc=1)["g"] == 2
    with pytest.raises(KeyError):
        Instruction.of("HALT")["g"]
    with pytest.raises(DstcError, match="Operands of LDA must be slot, not acc"):
        Instruction.of("LDA", acc=0)
    with pytest.raises(DstcError, match="Operands of HALT must be none, not acc"):
        Instruction.of("HALT", acc=0)
    with pytest.raises(DstcError, match=r"Mnemonic must be one of HALT, .*, not 'NOP'"):
        spec_of("NOP")


@pytest.mark.parametrize("ktiles, words", [(0, 0), (1, 1), (32, 1), (33, 2), (65535, 2048)])
def test_warp_words(ktiles, words):
    assert warp_words(ktiles) == words


@pytest.mark.parametrize("config", ALL, ids=lambda c: c.name)
@given(data=st.data())
def test_program_round_trip(config, data):
    items = data.draw(programs(config))
    encoded = encode_program(items, config)
    assert encoded.dtype == "uint64"
    assert len(encoded) == len(items)
    assert decode_program(encoded, config) == items


@pytest.mark.parametrize("config", ALL, ids=lambda c: c.name)
@given(stream=st.lists(words(), max_size=8))
def test_any_stream_is_exact_or_refused(config, stream):
    try:
        items = decode_program(stream, config)
    except DstcError:
        return
    assert encode_program(items, config).tolist() == stream


OF = Instruction.of
TILE33 = OF("TILE", acc=0, dense=0, ktiles=33)


@pytest.mark.parametrize("items, code, address", [
    ([OF("OHMMA", acc=0, g=0, h=0, pred=0)], ErrorCode.NO_KSTEP, 0),
    ([OF("BOHMMA", a=0, b=0, k=0), OF("HALT"), OF("OHMMA", acc=0, g=0, h=0, pred=0)],
     ErrorCode.NO_KSTEP, 2),
    ([TILE33, WarpWord(0, 0), WarpWord(2, 0)], ErrorCode.WARP_BITMAP, 2),
    ([TILE33, WarpWord(0, 0), WarpWord(0, 2)], ErrorCode.WARP_BITMAP, 2),
    ([TILE33, WarpWord(0, 2**32)], ErrorCode.FIELD_RANGE, 1),
    ([TILE33, WarpWord(0, 0), OF("HALT")], ErrorCode.WARP_BITMAP, 2),
    ([OF("HALT"), WarpWord(1, 1)], ErrorCode.ILLEGAL_OPCODE, 1),
    ([OF("HALT"), OF("LDA", slot=2)], ErrorCode.FIELD_RANGE, 1),
])
def test_illegal_items(items, code, address):
    with pytest.raises(ProgramError, match=rf"\(word {address}\)$") as caught:
        encode_program(items, TINY)
    assert (caught.value.code, caught.value.address) == (code, address)


@pytest.mark.parametrize("stream, code, address", [
    ([0x01, 0x00], ErrorCode.ILLEGAL_OPCODE, 1),
    ([0x101], ErrorCode.RESERVED_BITS, 0),
    ([0x02, 0x210], ErrorCode.FIELD_RANGE, 1),
    ([0x32], ErrorCode.NO_KSTEP, 0),
    ([0x21_0022, 0, 2], ErrorCode.WARP_BITMAP, 2),
    ([0x21_0022, 0, 2 << 32], ErrorCode.WARP_BITMAP, 2),
])
def test_illegal_words(stream, code, address):
    with pytest.raises(ProgramError, match=rf"\(word {address}\)$") as caught:
        decode_program(stream, TINY)
    assert (caught.value.code, caught.value.address) == (code, address)


def test_unfinished_tile():
    message = "^Program must end after the last warp word of its last TILE, not 1 before it$"
    with pytest.raises(DstcError, match=message):
        encode_program([TILE33, WarpWord(0, 0)], TINY)
    with pytest.raises(DstcError, match=message):
        decode_program([0x21_0022, 0], TINY)
