import importlib.util
import json
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "bench" / "arith_exhaustive.py"


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """The script as a module, and a function that runs it: exit code, results, page."""
    monkeypatch.setattr(sys, "path", [str(SCRIPT.parent), *sys.path])
    spec = importlib.util.spec_from_file_location("arith_exhaustive", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(*options):
        files = tmp_path / "new" / "a.json", tmp_path / "new" / "a.md"
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, options), "--json", str(files[0]),
                                          "--markdown", str(files[1])])
        code = module.main()
        return code, json.loads(files[0].read_text())["results"], files[1].read_text()

    return module, run


@pytest.mark.parametrize("name", ["fp16", "bf16"])
def test_a_slice_of_the_products(bench, name):
    _, run = bench
    code, (result,), page = run(name, "--latency", 1, "--first", "0x3ee0", "--last", "0x4021",
                                "--sample", 2000)
    assert code == 0
    assert result["pairs"] == 321 << 16 and result["mismatches"] == 0
    assert (result["unit"], result["format"], result["latency"]) == ("FpMultiplier", name, 1)
    assert result["softfloat_pairs"] == 2000 and result["softfloat_mismatches"] == 0
    assert not result["complete"] and "first operands 0x3ee0 to 0x4020 with every" in page


@pytest.mark.parametrize("name", ["fp8_e4m3", "fp8_e5m2", "int8"])
def test_every_product(bench, name):
    _, run = bench
    code, (result,), page = run(name, "--latency", 1, "--sample", 2000)
    assert code == 0 and result["complete"] and result["pairs"] == 1 << 16
    assert f"| {name} x {name} | 1 | 65,536 | every pair | 0 |" in page


def test_latencies_that_the_core_does_not_use(bench):
    module, run = bench
    code, results, _ = run("fp16", "--latency", 2, "--last", 1000, "--sample", 10)
    assert code == 0 and results[0]["pairs"] == -(-1000 // module.SPARSE) << 16


@pytest.mark.parametrize("latency", [1, 2, 3, 4])
def test_sums(bench, latency):
    _, run = bench
    code, (result,), page = run("fp32", "--latency", latency, "--pairs", 2_000_000, "--seed", 3,
                                "--sample", 3000)
    assert code == 0 and result["mismatches"] == 0 and result["softfloat_mismatches"] == 0
    assert result["pairs"] == sum(result["sets"].values()) == 2_000_000
    assert result["softfloat_pairs"] == 3000 * len(result["sets"])
    # A tie of equal signs needs a bit below the last place of a sum, which may carry; of opposite
    # signs one below that of the larger operand, or, after a cancellation, of the next binade.
    assert result["ties"] == {
        "equal signs, away from zero": list(range(25)),
        "equal signs, towards zero": list(range(25)),
        "opposite signs, away from zero": list(range(1, 26)),
        "opposite signs, towards zero": list(range(1, 25)),
    }
    assert "| opposite | away from zero | 1-25 |" in page


def test_sets_cover_what_they_say(bench):
    """Classes, exponent fields and differences, seen in the operands themselves."""
    module, _ = bench
    model = module.UnitModel("fp32", 1)
    kinds = set()
    for a, b in zip(*model.draw(0, 1, 0, 676 * 20), strict=True):
        kinds.add((class_of(int(a)), class_of(int(b))))
    assert len(kinds) == (2 * 6) ** 2
    a, b = model.draw(1, 1, 0, 1 << 16)
    assert len({*zip((a >> 23 & 255).tolist(), (b >> 23 & 255).tolist(), strict=True)}) == 1 << 16
    a, b = (side.astype(np.int64) for side in model.draw(3, 1, 0, 30_000))
    steps = abs((a & 0x7FFFFFFF) - (b & 0x7FFFFFFF))
    assert ((a ^ b) >> 31 == 1).all() and {0, *(1 << n for n in range(25))} <= {*steps.tolist()}
    again = model.draw(3, 1, 0, 30_000)
    assert (again[0] == a).all() and (model.draw(3, 2, 0, 30_000)[0] != a).any()


def class_of(bits):
    """Sign, and zero, subnormal, normal, infinite, quiet or signalling NaN."""
    exponent, mantissa = bits >> 23 & 255, bits & 0x7FFFFF
    if exponent == 255:
        kind = "infinity" if not mantissa else "quiet" if mantissa >> 22 else "signalling"
    elif exponent:
        kind = "normal"
    else:
        kind = "subnormal" if mantissa else "zero"
    return bits >> 31, kind


def test_integer_sums(bench):
    _, run = bench
    code, (result,), _ = run("int32", "--latency", 1, "--pairs", 400_000)
    assert code == 0 and result["pairs"] == 400_000 and result["mismatches"] == 0


def test_what_codes_stand_for(bench):
    module, _ = bench
    values = module.operand_values(ml_dtypes.float8_e4m3fn)
    assert [hex(values[code]) for code in (0x38, 0x7E, 0x01, 0xBC)] == [
        "0x3f800000", "0x43e00000", "0x3b000000", "0xbfc00000"]
    assert module.operand_values(np.int8)[0x80] == 0xFFFFFF80
    module.check_values("fp8_e4m3", values)
    values[5] ^= 1
    with pytest.raises(RuntimeError, match=r"Code 0x5 of fp8_e4m3 must be 3c200000, not 3c200001"):
        module.check_values("fp8_e4m3", values)


def test_wrong_results_are_told(bench, monkeypatch, capsys):
    """With 2 in the place of 3, every product of 3 is wrong, of a NaN and of zeros excepted."""
    module, run = bench

    def wrong(dtype, original=module.operand_values):
        values = original(dtype)
        values[0x4200] = values[0x4000]
        return values

    monkeypatch.setattr(module, "operand_values", wrong)
    monkeypatch.setattr(module, "check_values", lambda name, values: None)
    code, (result,), _ = run("fp16", "--latency", 1, "--first", 0x4200, "--last", 0x4201,
                             "--sample", 1)
    same = 2 + 2 + 2 * 1023     # zeros, infinities, NaN
    assert code == 1 and result["mismatches"] == (1 << 16) - same
    assert len(result["examples"]) == module.EXAMPLES
    assert result["examples"][0] == {"a": "4200", "b": "1", "got": "34400000", "want": "34000000"}
    assert "4200, 1: 34400000, not 34000000" in capsys.readouterr().out


def test_softfloat_differences_count(bench, monkeypatch):
    module, run = bench
    monkeypatch.setitem(module.SOFTFLOAT, "FpMultiplier fp8_e5m2", lambda a, b: a)
    code, (result,), _ = run("fp8_e5m2", "--latency", 1, "--sample", 100)
    assert code == 1 and result["mismatches"] == 0 and result["softfloat_mismatches"] > 90


@pytest.mark.parametrize("options, told", [
    (["fp16", "--first", "8", "--last", "8"], "range must be within"),
    (["fp16", "--last", "65537"], "range must be within"),
    (["fp8_e4m3", "--first", "256"], "first must be a code of fp8_e4m3"),
    (["fp32", "--pairs", "0"], "pairs must be at least 400000"),
    (["fp16", "--jobs", "0"], "jobs must be at least 1"),
    (["fp17"], "format must be one of fp16, bf16"),
])
def test_wrong_options(bench, options, told, capsys):
    _, run = bench
    with pytest.raises(SystemExit) as stopped:
        run(*options)
    assert stopped.value.code == 2
    assert told in capsys.readouterr().err
