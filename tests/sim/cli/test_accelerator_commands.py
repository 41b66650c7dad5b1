"""``dstc gemm`` and ``dstc conv`` with ``--top accelerator``, as a user calls them."""

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
