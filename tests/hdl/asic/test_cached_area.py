"""Areas that are kept: found without synthesis, by what decides them and nothing else."""

from types import SimpleNamespace

import pytest

from dstc.config import get_config
from dstc.errors import DstcError
from dstc_hdl.asic import cached
from dstc_hdl.asic.cached import core_area, find_core_area

TINY = get_config("tiny")
FIGURES = {"area_um2": 30.5, "without_operand_buffers_um2": 20.25, "kge": 0.1, "fmax_mhz": None}


@pytest.fixture
def synthesised(monkeypatch, tmp_path):
    """Names of what was synthesised, by a synthesis that takes no time."""
    names = []

    def synthesize(emitted, library):
        names.append(emitted)
        return emitted

    def design(netlist, library):
        return {"area_um2": 30.5, "without_operand_buffers": {"area_um2": 20.25, "kge": 0.05},
                "kge": 0.1, "fmax_mhz": None, "cells": 7}

    monkeypatch.setenv("DSTC_BUILD", str(tmp_path))
    tools = SimpleNamespace(versions={"yosys": "1"}, library="cells")
    monkeypatch.setattr(cached, "find_library", lambda target: tools.library)
    monkeypatch.setattr(cached, "tool_versions", lambda library: tools.versions)
    monkeypatch.setattr(cached, "emit_unit", lambda unit, config: (f"{unit} {config.name}", None))
    monkeypatch.setattr(cached, "synthesize", synthesize)
    monkeypatch.setattr(cached, "design_report", design)
    cached._makers.cache_clear()
    yield names, tools
    cached._makers.cache_clear()


def test_made_once_and_found(synthesised):
    names, _ = synthesised
    assert find_core_area(TINY, "asic45") is None and names == []
    assert core_area(TINY, "asic45") == FIGURES and names == ["core tiny"]
    assert find_core_area(TINY, "asic45") == core_area(TINY, "asic45") == FIGURES
    assert names == ["core tiny"]


def test_parameters_and_tools_decide_and_names_do_not(synthesised, monkeypatch):
    _, tools = synthesised
    core_area(TINY, "asic45")
    assert find_core_area(TINY.replace(name="other", status="experimental"), "asic45") == FIGURES
    assert find_core_area(TINY.replace(slots=3), "asic45") is None
    tools.versions = {"yosys": "2"}
    cached._makers.cache_clear()
    assert find_core_area(TINY, "asic45") is None
    tools.versions = {"yosys": "1"}
    cached._makers.cache_clear()
    monkeypatch.setattr(cached, "source_files", lambda module: {module: "changed"})
    assert find_core_area(TINY, "asic45") is None


def test_without_library_nothing_is_known(synthesised, monkeypatch):
    def missing(target):
        raise DstcError("no cells")

    monkeypatch.setattr(cached, "find_library", missing)
    assert find_core_area(TINY, "asic45") is None
    with pytest.raises(DstcError, match=r"^no cells$"):
        core_area(TINY, "asic45")
