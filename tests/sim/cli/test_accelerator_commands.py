"""``dstc gemm`` and ``dstc conv`` with ``--top accelerator``, as a user calls them."""

import json

import pytest

GEMM = "gemm --shape 8x8x8 --config tiny"
CONV = "conv --shape 2x4x4 --kernel 3x3x3 --config tiny"


@pytest.mark.parametrize("words", [GEMM, CONV])
@pytest.mark.parametrize("options, message", [
    ("--engine rtl --top board", "Top must be one of core, accelerator, not 'board'"),
    ("--top accelerator", "Option --top accelerator must be given with --engine rtl, not golden"),
    ("--engine model --top accelerator",
     "Option --top accelerator must be given with --engine rtl, not model"),
    ("--engine rtl --cores 2", "Option --cores must be given with --top accelerator, not core"),
    ("--engine rtl --port 64", "Option --port must be given with --top accelerator, not core"),
    ("--engine model --latency 9",
     "Option --latency must be given with --top accelerator, not core"),
    ("--engine rtl --top accelerator --cores 5", "Accelerator cores must be from 1 to 4, not 5"),
    ("--engine rtl --top accelerator --cores 0", "Accelerator cores must be from 1 to 4, not 0"),
    ("--engine rtl --top accelerator --port 32", "Option --port must be 64 or 128, not 32"),
    ("--engine rtl --top accelerator --latency 0",
     "Option --latency must be from 1 to 10000, not 0"),
    ("--engine rtl --top accelerator --stall 1",
     "Stall probability must be from 0 to below 1, not 1.0")])
def test_options_that_do_not_fit(refused, words, options, message):
    assert refused(*words.split(), *options.split(), "-o", "d.npy") == message


def test_simulators_of_the_core_only(refused):
    options = "--engine rtl --top accelerator --simulator icarus"
    assert refused(*GEMM.split(), *options.split()) == (
        "Simulator must be verilator with --top accelerator, not 'icarus'")


BINS = ["issue", "conflict", "operand_wait", "drain", "idle"]
DEVICE = "--engine rtl --top accelerator --cores 2 --port 64"


@pytest.mark.parametrize("words", [
    "gemm --shape 20x33x17 --random-c --seed 3", "gemm --shape 16x40x9 --mode dense",
    "conv --shape 2x5x6x7 --kernel 9x3x3 --pad 1 --relu --encode"])
def test_runs(run, words):
    code, out, err = run(*words.split(), "--config", "tiny", *DEVICE.split(), "--latency", "9",
                         "--stall", "0.2", "-o", "d.npy", "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    device = report["accelerator"]
    assert report["bit_exact"] is True and report["engine"] == "rtl"
    assert report["simulator"].startswith("verilator ")
    assert (device["name"], device["cores"], device["port_bits"], device["latency"]) == (
        "tiny-x2-64", 2, 64, 9)
    assert list(report["bins"]) == BINS
    for name in BINS:
        assert report["bins"][name] == sum(core[name] for core in device["core_bins"])
    for core in device["core_bins"]:
        assert core["cycles"] == sum(core[name] for name in BINS) < report["cycles"]
    assert report["ohmma"]["executed"] == sum(core["ohmma"] for core in device["core_bins"])
    # The same multipliers in dense mode.
    assert report["dense_cycles"] == -(-report["ohmma"]["dense"] // 2)
    assert report["speedup"] == report["dense_cycles"] / report["cycles"]
    for name in ("read", "write"):
        share = device[f"{name}_bytes"] / 8 / report["cycles"]
        assert device["port_utilization"][name] == pytest.approx(share)


def test_printed(run):
    code, out, err = run(*GEMM.split(), *DEVICE.split())
    assert (code, err) == (0, "")
    assert "64 bits, latency 32" in out and "core 1" in out and "bit-exact" in out
    # One tile of 8 x 8 x 8: 64 OHMMA on two cores.
    assert "dense on 2 cores 32: " in out
