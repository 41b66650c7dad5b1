"""Instruction decoder: against the table of docs/isa.md, written out, and against dstc.isa."""

import random

import pytest
from unit_bench import CONFIGS, evaluate

from dstc import isa
from dstc_hdl.decoder import InstructionDecoder

OK, OPCODE, RESERVED, RANGE = 0, 1, 2, 3


def table(config):
    """Opcode, mnemonic, and for each field its lowest bit, width, lowest and highest value."""
    slot = config.slots - 1
    groups_g = config.tile_m // config.array_rows - 1
    groups_h = config.tile_n // config.array_cols - 1
    pair = {"a": (8, 3, 0, slot), "b": (12, 3, 0, slot)}
    return {
        0x01: ("HALT", {}), 0x02: ("BARRIER", {}),
        0x10: ("LDA", {"slot": (8, 3, 0, slot)}), 0x11: ("LDB", {"slot": (8, 3, 0, slot)}),
        0x12: ("LDC", {"acc": (8, 1, 0, 1)}), 0x18: ("STC", {"acc": (8, 1, 0, 1)}),
        0x20: ("SPWMMA", pair | {"acc": (16, 1, 0, 1)}),
        0x21: ("WMMA", pair | {"acc": (16, 1, 0, 1)}),
        0x22: ("TILE", {"acc": (8, 1, 0, 1), "dense": (9, 1, 0, 1),
                        "ktiles": (16, 16, 1, 0xFFFF)}),
        0x30: ("BOHMMA", pair | {"k": (20, 5, 0, config.tile_k - 1)}),
        0x31: ("POPC", {}),
        0x32: ("OHMMA", {"acc": (8, 1, 0, 1), "g": (12, 3, 0, groups_g),
                         "h": (16, 3, 0, groups_h), "pred": (20, 1, 0, 1)}),
    }


def model(word, config):
    """Error code, mnemonic and fields of a word."""
    known = table(config)
    if word & 0xFF not in known:
        return OPCODE, None, {}
    name, fields = known[word & 0xFF]
    rest = word & ~0xFF
    values, wrong = {}, False
    for field, (lsb, width, low, high) in fields.items():
        values[field] = word >> lsb & (1 << width) - 1
        wrong |= not low <= values[field] <= high
        rest &= ~((1 << width) - 1 << lsb)
    if rest:
        return RESERVED, None, {}
    return (RANGE, None, {}) if wrong else (OK, name, values)


def check(config, words):
    """The unit against the model, and dstc.isa too; returns the codes."""
    codes = []
    for word, got in zip(words, evaluate(InstructionDecoder(config), [{"word": w} for w in words],
                                         ["decoded", "code"]), strict=True):
        code, name, fields = model(word, config)
        assert got["code"] == code, hex(word)
        assert [op for op, bit in got["decoded"]["op"].items() if bit] == [name] * (code == OK), \
            hex(word)
        for field, value in fields.items():
            assert got["decoded"][field] == value, (hex(word), field)
        try:
            isa.decode(word, config)
        except isa.ProgramError as error:
            assert error.code == code, hex(word)
        else:
            assert code == OK, hex(word)
        codes.append(code)
    return codes


@pytest.mark.parametrize("name", CONFIGS)
def test_every_opcode(name):
    config = CONFIGS[name]
    codes = check(config, [opcode | 1 << 16 if opcode == 0x22 else opcode
                           for opcode in range(256)])
    assert codes.count(OK) == 12
    assert codes.count(OPCODE) == 244


@pytest.mark.parametrize("name", CONFIGS)
def test_every_value_of_every_field(name):
    config = CONFIGS[name]
    words = []
    for opcode, (_, fields) in table(config).items():
        lowest = opcode | sum(low << lsb for lsb, _, low, _ in fields.values())
        for lsb, width, low, _ in fields.values():
            values = range(1 << width) if width <= 5 else [0, 1, 2, 31, 32, 33, 0x7FFF, 0xFFFF]
            words += [lowest - (low << lsb) + (value << lsb) for value in values]
    assert set(check(config, words)) == {OK, RANGE}


def test_every_reserved_bit():
    config = CONFIGS["odd"]
    words = []
    for opcode, (_, fields) in table(config).items():
        word = opcode | sum(low << lsb for lsb, _, low, _ in fields.values())
        words += [word ^ 1 << bit for bit in range(8, 64)]
    assert set(check(config, words)) == {OK, RESERVED, RANGE}


@pytest.mark.parametrize("name, seed", [("tiny", 0), ("odd", 1), ("int8", 2)])
def test_random_words(name, seed):
    rng, config = random.Random(seed), CONFIGS[name]
    opcodes, words = list(table(config)), []
    for _ in range(400):
        word = rng.choice(opcodes)
        for lsb, width, low, high in table(config)[word][1].values():
            value = rng.randint(low, high) if rng.random() < .8 else rng.randrange(1 << width)
            word |= value << lsb
        if rng.random() < .3:
            word ^= 1 << rng.randrange(64)
        words.append(word)
    words += [rng.getrandbits(64) for _ in range(100)] + [0, (1 << 64) - 1]
    assert set(check(config, words)) == {OK, OPCODE, RESERVED, RANGE}
