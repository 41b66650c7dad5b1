"""The reader of functions and energies, against a library written by hand."""

import numpy as np
import pytest
from power_cells import POWER, power_cells

from dstc.errors import DstcError
from dstc_hdl.asic.functions import parse_function
from dstc_hdl.asic.liberty import parse_liberty

FUNCTIONS = {
    "!(A & B)": lambda a, b, c: 1 - (a & b), "A' B + C": lambda a, b, c: (1 - a) & b | c,
    "A ^ B & C": lambda a, b, c: (a ^ b) & c, "!A | B * C'": lambda a, b, c: (1 - a) | b & (1 - c),
    "(A | B)' ^ C": lambda a, b, c: (1 - (a | b)) ^ c, "A B C": lambda a, b, c: a & b & c,
    "!!A & (B + 0) & 1": lambda a, b, c: a & b, "!(!(A ^ B) ^ C)": lambda a, b, c: a ^ b ^ c}


@pytest.mark.parametrize("text", FUNCTIONS)
def test_functions(text):
    function = parse_function(text)
    for n in range(8):
        pins = {"A": n & 1, "B": n >> 1 & 1, "C": n >> 2}
        assert function.value(pins) == FUNCTIONS[text](*pins.values()), pins


def test_text_for_c():
    assert parse_function("!(A & B') + 1").text({"A": "x", "B": "y"}) == "((~(x & (~y))) | ONE)"


@pytest.mark.parametrize("text", ["", "A &", "(A", "A)", "& A", "A ? B"])
def test_no_functions(text):
    with pytest.raises(DstcError, match=r"^Function must "):
        parse_function(text)


def test_pins_of_a_function():
    assert parse_function("B & (A | !B) & 1").pins == ["A", "B"]


def test_cells(tmp_path):
    library = power_cells(tmp_path)
    assert library.volts == 2.0
    gate, flop, opener = (library.cells[name] for name in ("GATE", "FLOP", "OPENER"))
    assert (gate.area, gate.leakage, gate.leakages) == (2.0, 9.0, (("A & B", 4.0), ("!A & B", 2.0)))
    assert gate.named("input") == ["A", "B"] and gate.pins["Y"].function == "!(A & B)"
    assert gate.pins["A"].capacitance == 3.0 and gate.flop is None
    assert flop.flop == {"state": "IQ", "inverse": "IQN", "next_state": "D & !R",
                         "clocked_on": "CK"}
    assert opener.gate == ("CK", "E", "GCK")


def test_tables_are_straight_between_their_numbers_and_flat_beyond(tmp_path):
    energy = power_cells(tmp_path).cells["GATE"].pins["Y"].energies[0]
    loads = np.array([0.0, 5.0, 10.0, 99.0])
    assert energy.related == "A"
    np.testing.assert_allclose(energy.rise.at(0.01, loads), [1, 1.5, 2, 2])
    np.testing.assert_allclose(energy.rise.at(0.02, loads), [2, 2.5, 3, 3])
    np.testing.assert_allclose(energy.fall.at(0.5, loads), [3, 3.5, 4, 4])


def test_picofarad(tmp_path):
    cells = power_cells(tmp_path, POWER.replace("(1,ff)", "(0.1,pf)")).cells
    assert cells["GATE"].pins["A"].capacitance == 300.0
    # Energies count in units of capacitance times square volt.
    np.testing.assert_allclose(cells["GATE"].pins["Y"].energies[0].rise.at(
        0.01, np.array([500.0])), [150.0])


def test_other_units_are_refused(tmp_path):
    with pytest.raises(DstcError, match=r"^time_unit of power.lib must be 1ns, not '1ps'$"):
        power_cells(tmp_path, POWER.replace('"1ns"', '"1ps"'))


def test_attributes_without_semicolon():
    group = parse_liberty('library (a) {\n unit (1, ff)\n area : 3;\n mode (m, "n o") ;\n}')
    assert group.values == {"unit": ["1", "ff"], "area": ["3"], "mode": ["m", "n o"]}


def test_an_open_brace_is_refused():
    with pytest.raises(DstcError, match=r"^Liberty file must be one group with all braces closed"):
        parse_liberty("library (a) { cell (b) {")
