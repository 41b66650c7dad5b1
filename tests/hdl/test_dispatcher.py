"""Dispatcher: operations, tickets, waits, errors, resume."""

import random

import pytest
from dispatcher_bench import Surroundings, status
from dispatcher_model import Model, random_program, tile_words, word
from unit_bench import CONFIGS, STALLS

HALT, BARRIER = word("HALT"), word("BARRIER")
ILLEGAL_OPCODE, RESERVED_BITS, FIELD_RANGE, NO_KSTEP, A_RECORD, B_RECORD, WARP_BITMAP = range(1, 8)


@pytest.mark.parametrize("name", ["tiny", "odd", "int8", "paper"])
@pytest.mark.parametrize("p_valid, p_ready", STALLS)
def test_operations_and_tickets(name, p_valid, p_ready):
    config = CONFIGS[name]
    bench = Surroundings(config, [], seed=21, p_valid=p_valid, p_ready=p_ready)
    rng = bench.bench.rng
    bench.delay = lambda: rng.randrange(1, 12)
    words = random_program(config, rng, 120)
    bench.instr.queue.extend([*words, HALT])
    bench.run(lambda: bench.statuses and bench.statuses[-1]["halted"], 20000)
    model = Model(config, words)
    bench.check_ops(model.ops)
    assert len(model.ops) > 150
    # Words are taken in step with the operations that they stand for.
    cycles = [cycle for cycle, *_ in bench.sent]
    for taken, before in zip(bench.instr.cycles, model.before, strict=False):
        assert before == 0 or cycles[before - 1] < taken
        assert before == len(cycles) or cycles[before] >= taken
    # Status follows the words.
    for cycle, seen in enumerate(bench.statuses):
        taken = sum(at < cycle for at in bench.instr.cycles)
        halted = taken == len(words) + 1
        assert seen == status(max(taken - 1, 0), busy=taken > 0 and not halted, halted=halted)


@pytest.mark.parametrize("name", ["tiny", "odd", "int8"])
def test_cycles(name):
    """One for an instruction, a TILE and each of its data words; three for each pair."""
    config = CONFIGS[name]
    bench = Surroundings(config, [], seed=22)
    words = random_program(config, bench.bench.rng, 60, barriers=False)
    bench.instr.queue.extend(words)
    model = Model(config, words)
    bench.run(lambda: len(bench.sent) == len(model.ops) and bench.instr.idle)
    assert bench.instr.cycles == model.starts
    assert [cycle for cycle, *_ in bench.sent] == model.cycles
    bench.check_ops(model.ops)


def test_tile_rotates_over_slots_from_zero():
    """Three data words, more pairs than slots, and a second TILE that starts at slot 0 again."""
    config = CONFIGS["odd"]
    full = (1 << 64) - 1
    words = [word("TILE", acc=1, dense=0, ktiles=70), full, 0xF0 << 32 | 0x3C, 0x3F << 32 | 0x21,
             word("TILE", acc=0, dense=1, ktiles=1), 1 << 32 | 1]
    bench = Surroundings(config, [*words, HALT])
    bench.run(lambda: bench.statuses and bench.statuses[-1]["halted"])
    slots = [(token["a_slot"], token["acc"], token["dense"])
             for token in bench.units["compute"].tokens]
    assert slots == [(n % 3, 1, 0) for n in range(32 + 2 + 2)] + [(0, 0, 1)]
    bench.check_ops(Model(config, words).ops)


@pytest.mark.parametrize("ktiles", [1, 32, 33, 100])
@pytest.mark.parametrize("a, b", [(0, 0), (1, 0), (0, 1), (0x55555555, 0xAAAAAAAA)])
def test_tile_without_pairs_takes_only_its_words(ktiles, a, b):
    count = -(-ktiles // 32)
    used = [(1 << min(32, ktiles - 32 * n)) - 1 for n in range(count)]
    words = [word("TILE", acc=0, dense=0, ktiles=ktiles),
             *((a & mask) | (b & mask) << 32 for mask in used), word("LDA", slot=1)]
    bench = Surroundings(CONFIGS["tiny"], words)
    bench.run(lambda: bench.instr.idle)
    assert bench.instr.cycles == list(range(count + 2))
    bench.check_ops([("load_a", {"slot": 1, "reads": 0})])


@pytest.mark.parametrize("kind", [BARRIER, HALT])
@pytest.mark.parametrize("seed", range(4))
def test_barrier_and_halt_wait_for_everything(kind, seed):
    """Taken in the very cycle in which everything before shows as ended."""
    config = CONFIGS["tiny"]
    bench = Surroundings(config, [], seed)
    rng = bench.bench.rng
    bench.delay = lambda: rng.randrange(3, 60)
    words = random_program(config, rng, 6, barriers=False)
    bench.instr.queue.extend([*words, kind])
    bench.run(lambda: bench.instr.idle)
    bench.check_ops(Model(config, words).ops)
    assert not bench.ending
    assert bench.instr.cycles[-1] == max(*bench.ended_at, bench.instr.cycles[-2] + 1)
    bench.run_for(1)
    assert bench.statuses[-1] == status(len(words), busy=kind == BARRIER, halted=kind == HALT)


def test_halt_alone_and_resume():
    """A halted dispatcher starts anew, address and selected k-step included."""
    config = CONFIGS["tiny"]
    bench = Surroundings(config, [word("BOHMMA", a=0, b=1, k=2), word("OHMMA"), HALT,
                                  HALT, word("LDA", slot=1), word("OHMMA"), word("LDB", slot=0)])
    bench.resume_in = {0, 1, 2}             # too early: ignored
    bench.run(lambda: len(bench.instr.tokens) == 3)
    bench.run_for(5)
    assert bench.statuses[-5:] == [status(2, halted=1)] * 5
    first = bench.bench.cycle
    bench.resume_in = {first}
    bench.run_for(1)
    assert len(bench.instr.tokens) == 3, "a word is taken while the core is halted"
    bench.run_for(3)
    assert bench.instr.cycles[3] == first + 1
    assert bench.statuses[-3:] == [status(), status(halted=1), status(halted=1)]
    bench.resume_in = {bench.bench.cycle}
    bench.run_for(6)
    assert bench.instr.tokens[4:] == [word("LDA", slot=1), word("OHMMA")]
    assert bench.statuses[-1] == status(1, error=1, code=NO_KSTEP)
    # Tickets go on across a resume.
    bench.check_ops([("compute", {"select": 1, "k": 2}), ("compute", {"select": 0, "k": 2}),
                     ("load_a", {"slot": 1, "reads": 0})])


@pytest.mark.parametrize("seed", range(3))
def test_restart_follows_resume_of_a_halted_core_only(seed):
    bench = Surroundings(CONFIGS["tiny"], [word("LDA", slot=0), HALT] * 10, seed)
    rng, seen = bench.bench.rng, []
    bench.resume_in = {cycle for cycle in range(400) if rng.random() < .2}
    bench.bench.after(lambda cycle, restart, status: seen.append(
        (restart, status["halted"] and cycle in bench.resume_in)), "restart", "status")
    bench.run(lambda: bench.instr.idle)
    assert all(told == true for told, true in seen)
    assert sum(told for told, _ in seen) >= 8


def illegal_words(config):
    """Words that are wrong as instructions, with their codes."""
    return [
        ("opcode", 0x7F, ILLEGAL_OPCODE),
        ("zero", 0, ILLEGAL_OPCODE),
        ("reserved", word("HALT") | 1 << 63, RESERVED_BITS),
        ("slot", word("LDB", slot=config.slots), FIELD_RANGE),
        ("k", word("BOHMMA", a=0, b=0, k=config.tile_k), FIELD_RANGE),
        ("ktiles", word("TILE", acc=0, dense=0, ktiles=0), FIELD_RANGE),
        ("no k-step", word("OHMMA", acc=0, g=0, h=0, pred=0), NO_KSTEP),
    ]


@pytest.mark.parametrize("what, wrong, code", illegal_words(CONFIGS["odd"]))
@pytest.mark.parametrize("p", [1, .4])
def test_illegal_word_stops(what, wrong, code, p):
    """Everything before it is sent, nothing after it, and nothing brings the core back."""
    config = CONFIGS["odd"]
    prefix = [word("LDA", slot=1), word("LDC", acc=1), word("SPWMMA", a=1, b=2, acc=1),
              word("STC", acc=0)]
    bench = Surroundings(config, [*prefix, wrong, word("LDA", slot=0), HALT], p_valid=p, p_ready=p)
    bench.run(lambda: bench.statuses and bench.statuses[-1]["error"])
    bench.resume_in = set(range(bench.bench.cycle, bench.bench.cycle + 3))
    bench.run_for(20)
    assert len(bench.instr.tokens) == len(prefix) + 1
    assert bench.statuses[-1] == status(len(prefix), error=1, code=code)
    error = bench.instr.cycles[-1] + 1
    assert [seen["error"] for seen in bench.statuses] == [0] * error + [1] * (
        len(bench.statuses) - error)
    bench.check_ops(Model(config, prefix).ops)


@pytest.mark.parametrize("ktiles, bit", [(1, 1), (1, 31), (5, 5), (31, 31), (33, 1), (63, 31)])
@pytest.mark.parametrize("side", [0, 32])
def test_warp_bitmap_past_ktiles(ktiles, bit, side):
    """The bit is in the last data word; it is wrong even where the other side has none."""
    config = CONFIGS["tiny"]
    good = [word("LDA", slot=0), word("TILE", acc=0, dense=0, ktiles=ktiles),
            *[1 | 1 << 32] * (-(-ktiles // 32) - 1)]
    bench = Surroundings(config, [*good, 1 << bit + side, word("LDB", slot=0)], p_ready=.5)
    bench.run(lambda: bench.statuses and bench.statuses[-1]["error"])
    bench.run_for(10)
    assert bench.statuses[-1] == status(len(good), error=1, code=WARP_BITMAP)
    assert len(bench.instr.tokens) == len(good) + 1
    pair = [("load_a", {"slot": 0}), ("load_b", {"slot": 0}), ("compute", {"tile": 1})]
    bench.check_ops([("load_a", {"slot": 0})] + pair * (ktiles > 32))


@pytest.mark.parametrize("side, code", [("a", A_RECORD), ("b", B_RECORD)])
@pytest.mark.parametrize("at", [3, 4, 5, 8, 13])
def test_record_error_stops(side, code, at):
    """No word is taken any more, and no operation follows the pair that is being sent."""
    config = CONFIGS["tiny"]
    words = [word("LDA", slot=1), word("TILE", acc=0, dense=0, ktiles=32), (1 << 64) - 1,
             word("LDB", slot=1)]
    bench = Surroundings(config, words, seed=at, p_ready=.7)
    bench.bench.before(lambda ctx, cycle: ctx.set(
        getattr(bench.bench.dut, f"record_error_{side}"), cycle == at))
    bench.run_for(at + 1)
    taken, sent = len(bench.instr.tokens), len(bench.sent)
    bench.run_for(30)
    assert len(bench.instr.tokens) == taken
    assert bench.statuses[-1] == status(taken - 1, error=1, code=code)
    assert [seen["error"] for seen in bench.statuses] == [0] * (at + 1) + [1] * 30
    assert len(bench.sent) <= sent + 3


def test_record_error_keeps_offers():
    """An operation that is on offer when the error comes stays on offer."""
    bench = Surroundings(CONFIGS["tiny"], [word("LDA", slot=1)])
    bench.units["load_a"].p = 0
    bench.bench.before(lambda ctx, cycle: ctx.set(bench.bench.dut.record_error_b, cycle == 3))
    bench.run_for(10)


def test_first_error_stays():
    """An error after another changes nothing."""
    config = CONFIGS["tiny"]
    bench = Surroundings(config, [word("LDA", slot=0), 0xFF])
    bench.run(lambda: bench.statuses and bench.statuses[-1]["error"])
    bench.bench.before(lambda ctx, cycle: ctx.set(bench.bench.dut.record_error_a, 1))
    bench.run_for(5)
    assert bench.statuses[-1] == status(1, error=1, code=ILLEGAL_OPCODE)


def test_tickets_wrap():
    """More than 64 operations on the same slot and context."""
    config = CONFIGS["tiny"]
    words = [code for _ in range(70)
             for code in (word("LDA", slot=1), word("SPWMMA", a=1, b=0, acc=1))]
    words += [word("STC", acc=1)] * 70 + [word("LDA", slot=1), word("WMMA", a=1, b=0, acc=1)]
    bench = Surroundings(config, [*words, HALT])
    bench.run(lambda: bench.statuses and bench.statuses[-1]["halted"])
    bench.check_ops(Model(config, words).ops)
    assert bench.units["load_a"].tokens[-1]["reads"] == 70 % 64
    assert bench.units["compute"].tokens[-1]["turns"] == 70 % 64


def test_back_to_back_tiles_keep_their_data_words_apart():
    """Data words that look like instructions, and the other way round."""
    config = CONFIGS["tiny"]
    words = [word("TILE", acc=0, dense=0, ktiles=32), HALT | HALT << 32,
                 word("TILE", acc=1, dense=1, ktiles=64), 0, word("TILE", acc=0, dense=0, ktiles=8),
                 word("TILE", acc=0, dense=0, ktiles=8), 0xFF | 0x22 << 32]
    bench = Surroundings(config, [*words, HALT])
    bench.run(lambda: bench.statuses and bench.statuses[-1]["halted"])
    bench.check_ops(Model(config, words).ops)


def test_generator_covers_tiles():
    """The random data words have pairs, empty words, and sides that are empty alone."""
    rng = random.Random(5)
    words = [code for _ in range(50) for code in tile_words(rng)[1:]]
    both = [code & code >> 32 & 0xFFFFFFFF for code in words]
    assert 0 in words
    assert any(code and not pairs for code, pairs in zip(words, both, strict=True))
    assert sum(map(bool, both)) > 20
