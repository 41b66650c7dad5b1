"""``dstc gemm`` as a user calls it."""

import dataclasses
import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from dstc.config import CONFIGS
from dstc.formats import encode, save
from dstc.golden import matmul
from dstc_sim import engine as engines
from dstc_sim.runs import SimulationError

KEYS = {"engine", "config", "shape", "density", "bit_exact", "cycles", "dense_cycles", "speedup",
        "ohmma", "bins", "multiplier_utilization", "seconds"}
BINS = ["issue", "conflict", "operand_wait", "drain", "idle"]


def skip_rule(a, b, config):
    """Executed and dense OHMMA of a product, from the two dense matrices."""
    executed = tiles = 0
    for m in range(0, a.shape[0], config.tile_m):
        for n in range(0, b.shape[1], config.tile_n):
            tiles += -(-a.shape[1] // config.tile_k)
            for k in range(a.shape[1]):
                rows = np.count_nonzero(a[m:m + config.tile_m, k])
                columns = np.count_nonzero(b[k, n:n + config.tile_n])
                executed += -(-rows // config.array_rows) * -(-columns // config.array_cols)
    return {"executed": executed, "dense": tiles * config.dense_ohmma_per_tile}


@pytest.fixture
def files(tmp_path):
    """a.npy (33 x 17), b.npy (17 x 65) and c.npy, all float64 of few bits."""
    rng = np.random.default_rng(97)
    a = np.where(rng.random((33, 17)) < .4, rng.integers(-99, 99, (33, 17)) / 8, 0)
    b = np.where(rng.random((17, 65)) < .3, rng.integers(-99, 99, (17, 65)) / 8, 0)
    c = rng.integers(-999, 999, (33, 65)) / 4
    for name, matrix in (("a", a), ("b", b), ("c", c)):
        np.save(tmp_path / f"{name}.npy", matrix)
    return a, b, c


@pytest.fixture
def gemm(run):
    """Run ``dstc gemm ... --json``; the report."""
    def gemm(*words):
        code, out, err = run("gemm", *words, "--json")
        assert (code, err, out.count("\n")) == (0, "", 1)
        return json.loads(out)
    return gemm


@pytest.mark.parametrize("config", ["paper", "small", "tiny"])
def test_files(gemm, files, tmp_path, config):
    a, b, c = files
    report = gemm("a.npy", "b.npy", "--c", "c.npy", "--config", config, "-o", "d.npy")
    assert report.keys() >= KEYS
    assert (report["engine"], report["config"], report["shape"]) == ("golden", config, [33, 65, 17])
    assert report["density"] == {"a": np.count_nonzero(a) / a.size,
                                 "b": np.count_nonzero(b) / b.size}
    assert report["bit_exact"] is True and report["seed"] is None
    assert report["ohmma"] == skip_rule(a, b, CONFIGS[config])
    assert report["dense_cycles"] == report["ohmma"]["dense"]
    assert report["cycles"] is report["speedup"] is report["bins"] is None
    result = np.load(tmp_path / "d.npy")
    # Few enough bits that every order of summation is exact.
    assert result.dtype == np.float32
    assert_array_equal(result, a @ b + c)


def test_containers_and_masks(gemm, files, tmp_path):
    """Other kinds of files give the same result."""
    a, b, _ = files
    save(tmp_path / "a.dstc", encode(a.astype(np.float16), "B", CONFIGS["tiny"]))
    np.savez(tmp_path / "b.npz", other=a, w=b.astype(np.float32))
    gemm("a.dstc", "b.npz:w", "-o", "d.npy")
    assert_array_equal(np.load(tmp_path / "d.npy"), a @ b)


def test_rounding_is_reported(gemm, tmp_path):
    a = np.array([[1, 2049, 0.1], [np.nan, -0.0, 1e9]])
    np.save(tmp_path / "a.npy", a)
    np.save(tmp_path / "b.npy", np.ones((3, 1), np.float32))
    np.save(tmp_path / "c.npy", np.array([[1e-60], [0.5]]))
    report = gemm("a.npy", "b.npy", "--c", "c.npy")
    assert report["rounded"] == {"a": 3, "b": 0, "c": 1}


def test_int8(gemm, tmp_path):
    rng = np.random.default_rng(5)
    a, b = rng.integers(-128, 128, (20, 40)), rng.integers(-128, 128, (40, 30))
    np.save(tmp_path / "a.npy", a)
    np.save(tmp_path / "b.npy", b.astype(np.float32))
    report = gemm("a.npy", "b.npy", "--config", "paper-int8", "-o", "d.npy")
    assert report["rounded"] == {"a": 0, "b": 0, "c": 0}
    result = np.load(tmp_path / "d.npy")
    assert result.dtype == np.int32
    assert_array_equal(result, a @ b)


def test_random_operands_depend_on_the_seed_only(gemm, tmp_path):
    words = ["--shape", "40x30x50", "--density-a", "0.4", "--density-b", "0.3", "--random-c"]
    for name, seed, config in (("x", 7, "tiny"), ("y", 7, "small"), ("z", 8, "small")):
        report = gemm(*words, "--seed", seed, "--config", config, "-o", f"{name}.npy")
        assert (report["seed"], report["shape"]) == (seed, [40, 30, 50])
        assert .35 < report["density"]["a"] < .45 and .25 < report["density"]["b"] < .35
    x, y, z = (np.load(tmp_path / f"{name}.npy") for name in "xyz")
    assert_array_equal(x, y)
    assert (x != z).all()


def test_random_c_changes_nothing_else(gemm, tmp_path):
    gemm("--shape", "9x9x9", "-o", "plain.npy")
    gemm("--shape", "9x9x9", "--random-c", "-o", "with.npy")
    plain, with_c = np.load(tmp_path / "plain.npy"), np.load(tmp_path / "with.npy")
    assert (plain != with_c).all() and np.abs(with_c - plain).max() < 400


@pytest.mark.parametrize("density, executed", [("0", 0), ("1", 16 * 4 * 2 * 4)])
def test_density_ends(gemm, density, executed):
    report = gemm("--shape", "64x64x16", "--density-a", density, "--density-b", density)
    assert report["density"] == {"a": float(density), "b": float(density)}
    assert report["ohmma"]["executed"] == executed


def test_in_words(run, files):
    code, out, err = run("gemm", "a.npy", "b.npy", "-o", "d.npy")
    assert (code, err) == (0, "")
    assert "33 x 65 x 17" in out and "bit-exact" in out and "OHMMA" in out


def test_progress_goes_to_standard_error(run, files, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    code, out, err = run("gemm", "a.npy", "b.npy")
    assert code == 0 and "golden model" in err and "golden model" not in out
    assert run("gemm", "a.npy", "b.npy", "--json")[2] == ""


SPECIAL = np.array([0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x3C00, 0xBC01, 0x7BFF, 0xFBFF,
                    0x7C00, 0xFC00, 0x7E00, 0x7C01], np.uint16)


@pytest.mark.parametrize("words", [
    ("--simulator", "verilator"), ("--simulator", "verilator", "--mode", "dense"),
    ("--simulator", "icarus", "--stall", "0.2", "--seed", "3"), ("--simulator", "pysim"),
], ids=lambda words: "-".join(words).replace("--", ""))
def test_rtl_on_special_values(gemm, tmp_path, words):
    """NaN, infinities, subnormals, zeros of both signs, largest and smallest, in A, B and C."""
    rng = np.random.default_rng(101)
    a = rng.choice(SPECIAL, (13, 9)).view(np.float16)
    b = rng.choice(SPECIAL, (9, 11)).view(np.float16)
    c = rng.choice(np.array([0, 1 << 31, 1, 0x807FFFFF, 0x3F800000, 0x7F7FFFFF, 0x7F800000,
                             0xFF800000, 0x7FC00000, 0xFFFFFFFF], np.uint32), (13, 11))
    for name, matrix in (("a", a), ("b", b), ("c", c.view(np.float32))):
        np.save(tmp_path / f"{name}.npy", matrix)
    report = gemm("a.npy", "b.npy", "--c", "c.npy", "--config", "tiny", "--engine", "rtl",
                  "-o", "d.npy", *words)
    assert report["bit_exact"] is True and report["simulator"].startswith(words[1])
    assert list(report["bins"]) == BINS and sum(report["bins"].values()) == report["cycles"]
    assert report["speedup"] == report["dense_cycles"] / report["cycles"]
    rule = skip_rule(a, b, CONFIGS["tiny"])
    executed = rule["dense" if "dense" in words else "executed"]
    assert report["ohmma"] == {"executed": executed, "dense": rule["dense"]}
    assert_array_equal(np.load(tmp_path / "d.npy").view(np.uint32),
                       matmul(a, b, c.view(np.float32)).view(np.uint32))


@pytest.mark.parametrize("shape", ["1x1x1", "33x65x17", "31x1x200"])
@pytest.mark.parametrize("density", ["0", "0.3", "1"])
def test_rtl_on_shapes(gemm, shape, density):
    report = gemm("--shape", shape, "--density-a", density, "--density-b", density, "--random-c",
                  "--seed", "11", "--config", "tiny", "--engine", "rtl")
    assert report["bit_exact"] is True
    m, n, k = map(int, shape.split("x"))
    # The rule counts groups of the non-zeros, so partial tiles cost less than full ones.
    full = skip_rule(np.ones((m, k)), np.ones((k, n)), CONFIGS["tiny"])
    if density != "0.3":
        assert report["ohmma"]["executed"] == (full["executed"] if density == "1" else 0)
    assert report["ohmma"]["executed"] <= full["executed"]


def test_rtl_trace(gemm, tmp_path):
    gemm("--shape", "8x8x4", "--config", "tiny", "--engine", "rtl", "--simulator", "icarus",
         "--trace", "t.vcd")
    assert "$enddefinitions" in (tmp_path / "t.vcd").read_text()


class Broken:
    """An engine that gets one bit wrong, or fails."""

    def __init__(self, failure=None):
        self.failure = failure

    def run(self, *operands, **options):
        if self.failure:
            raise self.failure
        right = engines.GoldenEngine().run(*operands, **options)
        out = right.out.copy()
        out.view(np.uint32)[0, 0] ^= 1
        return dataclasses.replace(right, engine="rtl", out=out)


def test_wrong_result(run, files, tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "get_engine", lambda *_, **__: Broken())
    code, out, err = run("gemm", "a.npy", "b.npy", "--engine", "rtl", "-o", "d.npy", "--json")
    assert (code, err) == (1, "dstc: the result differs from the golden model\n")
    assert json.loads(out)["bit_exact"] is False
    assert not (tmp_path / "d.npy").exists()


def test_failed_simulation(run, files, tmp_path, monkeypatch):
    broken = Broken(SimulationError("Core moved nothing"))
    monkeypatch.setattr(engines, "get_engine", lambda *_, **__: broken)
    code, out, err = run("gemm", "a.npy", "b.npy", "--engine", "rtl", "-o", "d.npy")
    assert (code, out, err) == (1, "", "dstc: Core moved nothing\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npy", "b.npy", "c.npy"]


SHAPED = ["--shape", "8x8x8"]


@pytest.mark.parametrize("words, sentence", [
    ([], "Files of A and B, or --shape, must be given, not neither"),
    (["a.npy"], "Files must be given for A and B or for neither, not only a.npy"),
    (["a.npy", "b.npy", *SHAPED], "Options --shape, --density-a and --density-b must be given "
                                  "without files, not with them"),
    (["a.npy", "b.npy", "--density-a", "0.5"],
     "Options --shape, --density-a and --density-b must be given without files, not with them"),
    (["a.npy", "a.npy"], "Columns of A must be as many as the 33 rows of B, not 17"),
    (["a.npy", "none.npy"], "Input must be an existing file, not none.npy"),
    (["a.npy", "b.npy", "--c", "a.npy"], "C must be 33 x 65, not 33 x 17"),
    (["a.npy", "b.npy", "--c", "c.npy", "--random-c"],
     "Option --random-c must be given without --c, not with it"),
    (["text.npy", "b.npy"], "text.npy: matrix values must be booleans, integers or floats of at "
                            "most 64 bits, not <U1"),
    (["a.npy", "b.npy", "--config", "paper-int8"],
     "int8 values must be integers from -128 to 127, not {first}"),
    (["--shape", "8x8"], "Shape must be MxNxK with three positive integers, not '8x8'"),
    (["--shape", "99999x99999x9"], "Random matrices must have at most 268435456 elements, not a "
                                   "shape of 99999x99999x9"),
    ([*SHAPED, "--density-a", "1.5"], "Density must be from 0 to 1, not 1.5"),
    ([*SHAPED, "--density-b", "nan"], "Density must be from 0 to 1, not nan"),
    ([*SHAPED, "--config", "huge"],
     f"Configuration must be one of {', '.join(CONFIGS)}, not 'huge'"),
    ([*SHAPED, "--engine", "gpu"], "Engine must be one of golden, model, rtl, not 'gpu'"),
    ([*SHAPED, "--mode", "fast"], "Mode must be one of sparse, dense, not 'fast'"),
    ([*SHAPED, "--engine", "rtl", "--simulator", "spice"],
     "Simulator must be one of verilator, icarus, pysim, not 'spice'"),
    ([*SHAPED, "--engine", "rtl", "--stall", "1"],
     "Stall probability must be from 0 to below 1, not 1.0"),
    ([*SHAPED, "--stall", "0.5"],
     "Option --stall must be given with --engine model or rtl, not golden"),
    ([*SHAPED, "--trace", "t.vcd"], "Option --trace must be given with --engine rtl, not golden"),
    ([*SHAPED, "--engine", "rtl", "--trace", "no/t.vcd"],
     "Trace must be a file in an existing folder, not no/t.vcd"),
    ([*SHAPED, "-o", "d.txt"], "Output name must end in .npy, not d.txt"),
    ([*SHAPED, "-o", "no/d.npy"],
     "Output must be a file that can be written, not no/d.npy (No such file or directory)"),
])
def test_refused(refused, files, tmp_path, words, sentence):
    np.save(tmp_path / "text.npy", np.array([["x"]]))
    first = files[0][np.trunc(files[0]) != files[0]][0]
    for extra in ([], ["--json"]):
        assert refused("gemm", *words, *extra) == sentence.replace("{first}", str(first))


@pytest.mark.parametrize("option, value", [("--seed", "-1"), ("--density-a", "half")])
def test_malformed_options(refused, option, value):
    assert refused("gemm", *SHAPED, option, value).startswith(f"Invalid value for '{option}': ")


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:50],
                                    lambda data: b"", lambda data: data[:8] + b"\x09" + data[9:],
                                    lambda data: data[:200] + b"\xff" + data[201:],
                                    lambda data: b"%PDF-1.7" + data])
def test_damaged_container(refused, files, tmp_path, damage):
    path = tmp_path / "a.dstc"
    save(path, encode(files[0].astype(np.float16), "A", CONFIGS["tiny"]))
    path.write_bytes(damage(path.read_bytes()))
    assert " must " in refused("gemm", "a.dstc", "b.npy", "-o", "d.npy")
