"""Random instructions, words and programs for the tests of the instruction set."""

from hypothesis import strategies as st

from dstc.config import CONFIGS, Config
from dstc.isa import INSTRUCTIONS, Instruction, WarpWord

__all__ = ["ALL", "TINY", "instructions", "programs", "words"]

TINY = CONFIGS["tiny"]
EXTREME = Config(name="extreme", tile_m=32, tile_n=32, tile_k=32, array_rows=4, array_cols=4,
                 slots=8)
ALL = [*CONFIGS.values(), EXTREME]


def instructions(config):
    """Any legal instruction."""
    return st.sampled_from(INSTRUCTIONS).flatmap(lambda spec: st.builds(
        Instruction, st.just(spec.mnemonic),
        st.tuples(*(st.integers(f.low, f.stop(config) - 1) for f in spec.fields))))


def words():
    """Any 64-bit word, most of them close to a legal one."""
    near = st.builds(lambda spec, bits, keep: spec.opcode | bits & keep,
                     st.sampled_from(INSTRUCTIONS), st.integers(0, 2**64 - 1),
                     st.sampled_from([0x0000_0000_ffff_ff00, 0x0000_0000_01f7_7700,
                                      0x0000_0000_0001_3300, 0xffff_ffff_ffff_ff00]))
    return st.one_of(st.integers(0, 2**64 - 1), near)


@st.composite
def programs(draw, config):
    """A legal program, with the data words of its TILEs."""
    items, selected = [], False
    for instruction in draw(st.lists(instructions(config), max_size=20)):
        if instruction.mnemonic == "TILE":
            ktiles = draw(st.integers(1, 70))
            instruction = Instruction.of("TILE", acc=instruction["acc"],
                                         dense=instruction["dense"], ktiles=ktiles)
            bits = [min(32, ktiles - n) for n in range(0, ktiles, 32)]
            items.append(instruction)
            items += [WarpWord(*(draw(st.integers(0, 2**n - 1)) for _ in "ab")) for n in bits]
            continue
        kept = selected and instruction.mnemonic != "HALT"
        selected = kept or instruction.mnemonic == "BOHMMA"
        if instruction.mnemonic != "OHMMA" or selected:
            items.append(instruction)
    return items
