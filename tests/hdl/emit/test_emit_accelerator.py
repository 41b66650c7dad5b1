"""The accelerator as Verilog: lint, ports by their AXI names, cores that share their modules."""

import re

import pytest

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.config import get_config
from dstc_hdl.emit import emit_unit, lint

ADDRESS = ("id", "addr", "len", "size", "burst", "lock", "cache", "prot", "qos", "valid", "ready")
CHANNELS = {
    "m_axi_aw": ADDRESS, "m_axi_w": ("data", "strb", "last", "valid", "ready"),
    "m_axi_b": ("id", "resp", "valid", "ready"), "m_axi_ar": ADDRESS,
    "m_axi_r": ("id", "data", "resp", "last", "valid", "ready"),
    "s_axi_aw": ("addr", "prot", "valid", "ready"), "s_axi_w": ("data", "strb", "valid", "ready"),
    "s_axi_b": ("resp", "valid", "ready"), "s_axi_ar": ("addr", "prot", "valid", "ready"),
    "s_axi_r": ("data", "resp", "valid", "ready"),
}
WIDTHS = {"clk": 1, "rst": 1, "irq": 1, "m_axi_wdata": 64, "m_axi_rdata": 64, "m_axi_wstrb": 8,
          "m_axi_araddr": 40, "m_axi_awaddr": 40, "m_axi_arid": 6, "m_axi_bid": 6,
          "m_axi_arlen": 8, "m_axi_awsize": 3, "s_axi_araddr": 12, "s_axi_wdata": 32,
          "s_axi_wstrb": 4, "s_axi_bresp": 2}


@pytest.fixture(scope="module")
def emitted():
    """Two cores on the narrow port, as the bench of the accelerator has them."""
    return emit_unit("accelerator", AcceleratorConfig(core=get_config("tiny"), cores=2,
                                                      data_bits=64))[0]


def test_lint(emitted):
    assert lint(emitted) == []


def test_ports(emitted):
    ports = {port["name"]: port for port in emitted.ports()}
    assert sorted(ports) == sorted(["clk", "rst", "irq", *(
        prefix + name for prefix, names in CHANNELS.items() for name in names)])
    assert {name: ports[name]["width"] for name in WIDTHS} == WIDTHS
    for prefix, names in CHANNELS.items():
        sends = prefix[6:] in ("aw", "w", "ar") if prefix[0] == "m" else prefix[6:] in ("b", "r")
        for name in names:
            out = sends != (name == "ready")
            assert ports[prefix + name]["direction"] == ("output" if out else "input")
    assert re.search(r"^module dstc_accelerator\(clk, rst, ", emitted.verilog, re.M)
    assert emitted.manifest["config"]["cores"] == 2


def test_cores_share_their_modules(emitted):
    instances = re.findall(r"^  (\w+) node_\d \(", emitted.verilog, re.M)
    assert len(instances) == 2 and len({*instances}) == 1
