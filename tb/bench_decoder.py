"""InstructionDecoder against the software's decoder."""

from dstc.isa import INSTRUCTIONS, ErrorCode, ProgramError, decode
from tb.lib.bench import bench_test

WORDS = 2500


def random_word(rng, config):
    """A legal word, or one that is wrong in one or several places."""
    spec = rng.choice(INSTRUCTIONS)
    word = spec.opcode
    for field in spec.fields:
        high = field.stop(config) if rng.random() < 0.9 else 1 << field.width
        word |= rng.randrange(field.low if rng.random() < 0.95 else 0, high) << field.lsb
    if rng.random() < 0.2:
        word ^= 1 << rng.randrange(64)
    if rng.random() < 0.05:
        word = rng.getrandbits(64)
    return word


@bench_test
async def random_words(bench):
    seen = set()
    await bench.start()
    for _ in range(WORDS):
        word = random_word(bench.rng, bench.config)
        try:
            instruction, code = decode(word, bench.config), ErrorCode.NONE
        except ProgramError as error:
            instruction, code = None, error.code
        bench.set("word", word)
        await bench.tick()
        assert bench.get("code") == code, f"word {word:#018x}"
        decoded = bench.get("decoded")
        ops = [name for name, bit in decoded["op"].items() if bit]
        if instruction is None:
            assert ops == [], f"word {word:#018x}"
        else:
            assert ops == [instruction.mnemonic], f"word {word:#018x}"
            for field in instruction.spec.fields:
                assert decoded[field.name] == instruction[field.name], f"word {word:#018x}"
        seen.add((ops[0] if ops else None, code))
    assert {op for op, _ in seen} == {None, *(spec.mnemonic for spec in INSTRUCTIONS)}
    assert {code for _, code in seen} == {ErrorCode.NONE, ErrorCode.ILLEGAL_OPCODE,
                                          ErrorCode.RESERVED_BITS, ErrorCode.FIELD_RANGE}
