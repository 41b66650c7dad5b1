"""Im2col unit: words and records of a feature map in, records of A tiles out."""

import pytest
from im2col_model import Im2colProgram
from unit_bench import CONFIGS, STALLS, Bench

from dstc_hdl.conv.im2col import Im2col


def run(program, bench, p, limit=30000):
    bench.drive("instr", program.stream(), p[0])
    x, out = bench.drive("x", program.x, p[0]), bench.take("o", p[1])
    errors = []
    bench.after(lambda cycle, error: errors.append(error), "error")
    bench.run(lambda: len(out.tokens) >= len(program.beats) and x.idle, limit)
    bench.run(lambda: bench.cycle % 50 == 0, 60)
    assert out.tokens == program.beats
    assert not any(errors)
    return out


@pytest.mark.parametrize("name", ["tiny", "small", "odd"])
@pytest.mark.parametrize("p", STALLS)
def test_programs(name, p):
    bench = Bench(Im2col(CONFIGS[name]), seed=51)
    program = Im2colProgram(CONFIGS[name], bench.rng).fill(8 if name == "tiny" else 4)
    run(program.early_loads(bench.rng.randrange(3)), bench, p)
