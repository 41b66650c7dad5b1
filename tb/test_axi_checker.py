"""The AXI rules let legal traffic pass and fire on every seeded violation."""

import copy
import re

import pytest

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.config import get_config

from .lib.axi_checker import MEMORY_CHANNELS, REGISTER_CHANNELS, MemoryRules, RegisterRules

ACC = AcceleratorConfig(core=get_config("tiny"), cores=2, data_bits=64)
WINDOW = 0x1000, 0x2FFF
IDLE = {name: (0, int(name in "br"), {}) for name in MEMORY_CHANNELS}
IDLE_LITE = {name: (0, 0, {}) for name in REGISTER_CHANNELS}


def address(ident, addr, beats):
    return {"id": ident, "addr": addr, "len": beats - 1, "size": 3, "burst": 1, "lock": 0,
            "cache": 3, "prot": 0, "qos": 0}


def data(word, last):
    return {"data": word, "strb": 0xFF, "last": last}


def read(ident, word, last):
    return {"id": ident, "data": word, "resp": 0, "last": last}


def cycle(idle=IDLE, **channels):
    """One cycle: a channel is its fields, taken; or (valid, ready, fields)."""
    return {**idle, **{name: (1, 1, given) if isinstance(given, dict) else given
                       for name, given in channels.items()}}


def legal():
    """Traffic of every kind; the violations below change one cycle of it."""
    return [
        cycle(ar=(1, 0, address(0x15, 0x1FF0, 2)), aw=(1, 0, address(0x10, 0x1F00, 32))),   # 0
        cycle(ar=address(0x15, 0x1FF0, 2), aw=(1, 0, address(0x10, 0x1F00, 32))),           # 1
        cycle(ar=address(0x0F, 0x1000, 1), aw=address(0x10, 0x1F00, 32)),                   # 2
        cycle(ar=address(0x15, 0x2FF8, 1), w=(1, 0, data(0, 0))),                           # 3
        cycle(r=read(0x15, 1, 0), w=data(0, 0)),                                            # 4
        cycle(r=read(0x0F, 2, 1), w=data(1, 0)),                                            # 5
        cycle(r=read(0x15, 3, 1), w=data(2, 0)),                                            # 6
        cycle(r=read(0x15, 4, 1), w=data(3, 0)),                                            # 7
        *(cycle(w=data(n, 0)) for n in range(4, 31)),                                       # 8
        cycle(w=data(31, 1)),                                                               # 35
        cycle(b={"id": 0x10, "resp": 0}),                                                   # 36
        cycle(w=data(32, 1)),                               # data before its address         37
        cycle(aw=address(0x00, 0x1000, 1)),                                                 # 38
        cycle(b={"id": 0x00, "resp": 0}),                                                   # 39
    ]


def check(cycles, rules=None):
    rules = rules or MemoryRules(ACC, WINDOW)
    for samples in cycles:
        rules.cycle(samples)
    return rules


def test_legal_traffic_passes():
    rules = check(legal())
    assert (rules.outstanding, rules.read_beats, rules.write_beats) == (0, 4, 33)
    assert check(legal()[:36]).outstanding == 1
    assert check(legal()[:38]).outstanding == 1


def change(number, channel, **changes):
    """A violation: fields of a channel, or valid or ready, have other values in a cycle."""
    def violate(cycles):
        valid, ready, fields = cycles[number][channel]
        values = dict(changes)
        valid, ready = values.pop("valid", valid), values.pop("ready", ready)
        cycles[number][channel] = (valid, ready, {**copy.copy(fields), **values})
    return violate


def remove(number):
    def violate(cycles):
        del cycles[number]
    return violate


VIOLATIONS = {
    "valid unknown": (change(3, "r", valid=None), "m_axi_rvalid must be known"),
    "valid withdrawn": (change(1, "ar", valid=0), "m_axi_arvalid must be kept"),
    "address changed": (change(1, "aw", addr=0x1E00), "m_axi_aw must be kept until taken"),
    "id changed": (change(1, "ar", id=5), "m_axi_ar must be kept until taken"),
    "data changed": (change(4, "w", data=9), "m_axi_w must be kept until taken"),
    "strobe changed": (change(4, "w", strb=1), "m_axi_w must be kept until taken"),
    "data unknown": (change(5, "w", data=None), "m_axi_wdata must be known"),
    "last unknown": (change(5, "r", last=None), "m_axi_rlast must be known"),
    "ready unknown": (change(2, "aw", ready=None), "m_axi_awready must be known"),
    "read not ready": (change(3, "r", ready=0), "m_axi_rready must always be 1"),
    "write response not ready": (change(3, "b", ready=0), "m_axi_bready must always be 1"),
    "burst type": (change(3, "ar", burst=0), "m_axi_arburst must be 1"),
    "wrap": (change(38, "aw", burst=2), "m_axi_awburst must be 1"),
    "narrow": (change(3, "ar", size=2), "m_axi_arsize must be 3"),
    "lock": (change(3, "ar", lock=1), "m_axi_arlock must be 0"),
    "cache": (change(38, "aw", cache=0), "m_axi_awcache must be 3"),
    "protection": (change(3, "ar", prot=1), "m_axi_arprot must be 0"),
    "quality": (change(3, "ar", qos=1), "m_axi_arqos must be 0"),
    "unaligned": (change(3, "ar", addr=0x2FF4), "m_axi_araddr must be aligned"),
    "4 KiB crossed": (change(3, "ar", addr=0x1FF8, len=1), "must not cross a multiple of 256"),
    "256 bytes crossed": (change(38, "aw", addr=0x10F8, len=1), "must not cross a multiple of 256"),
    "too long": (change(3, "ar", addr=0x2E00, len=32), "must not cross a multiple of 256"),
    "below the window": (change(3, "ar", addr=0xFF8), "m_axi_ar must stay in the window"),
    "above the window": (change(38, "aw", addr=0x3000), "m_axi_aw must stay in the window"),
    "core that is not there": (change(3, "ar", id=0x20), "m_axi_arid must be of a reader"),
    "reader that is not there": (change(3, "ar", id=0x1B), "m_axi_arid must be of a reader"),
    "write id": (change(38, "aw", id=0x01), "m_axi_awid must be of a reader or writer"),
    "job reader writes": (change(38, "aw", id=0x0F), "m_axi_awid must be of a reader or writer"),
    "last too early": (change(20, "w", last=1), "m_axi_wlast must be on beat 32"),
    "last missing": (change(35, "w", last=0), "m_axi_wlast must be on beat 32"),
    "beats missing": (remove(20), "m_axi_wlast must be on beat 32"),
    "early data of another length": (change(38, "aw", len=1), "m_axi_w must have 2 beats"),
    "response before the data": (remove(35), "m_axi_b must answer a complete burst"),
    "response to nobody": (change(36, "b", id=0x00), "m_axi_b must answer a complete burst"),
    "second response": (change(37, "b", valid=1, id=0x10, resp=0), "m_axi_b must answer"),
    "data to nobody": (change(5, "r", id=0x14), "m_axi_r must answer a burst"),
    "data before its address": (change(0, "r", valid=1, **read(0x15, 0, 0)),
                                "m_axi_r must answer a burst"),
    "read last too early": (change(4, "r", last=1), "m_axi_rlast of id 0x15"),
    "read last missing": (change(6, "r", last=0), "m_axi_rlast of id 0x15"),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_memory_violation_fires(name):
    violate, message = VIOLATIONS[name]
    cycles = legal()
    violate(cycles)
    with pytest.raises(AssertionError, match=message):
        check(cycles)


def test_endless_burst_fires():
    cycles = [cycle(w=data(n, 0)) for n in range(33)]
    with pytest.raises(AssertionError, match="must come within the burst"):
        check(cycles)


def test_reset():
    rules = check(legal()[:5])
    rules.cycle(legal()[5], reset=True)     # the first edge: the registers still have their state
    with pytest.raises(AssertionError, match="arvalid must be 0 during reset"):
        rules.cycle(cycle(ar=address(0, 0x1000, 1)), reset=True)
    rules.cycle(IDLE, reset=True)
    assert rules.outstanding == 0
    check(legal(), rules)


def lite(**channels):
    return cycle(IDLE_LITE, **channels)


LITE = [
    lite(aw={"addr": 4, "prot": 0}, ar={"addr": 8, "prot": 0}),
    lite(w={"data": 1, "strb": 15}, r=(1, 0, {"data": 5, "resp": 0})),
    lite(b={"resp": 2}, r={"data": 5, "resp": 0}),
]
LITE_VIOLATIONS = {
    "decode error": (change(2, "b", resp=3), "s_axi_bresp must be OKAY or SLVERR, not 3"),
    "no write data": (change(1, "w", valid=0), "s_axi_b must answer an s_axi_w"),
    "no address": (change(0, "aw", valid=0), "s_axi_b must answer an s_axi_aw"),
    "no read": (change(0, "ar", valid=0), "s_axi_r must answer an s_axi_ar"),
    "data changed": (change(2, "r", data=6), "s_axi_r must be kept until taken"),
    "data unknown": (change(1, "r", data=None), "s_axi_rdata must be known"),
}


def test_legal_register_traffic_passes():
    check(LITE + LITE, RegisterRules())


@pytest.mark.parametrize("name", LITE_VIOLATIONS)
def test_register_violation_fires(name):
    violate, message = LITE_VIOLATIONS[name]
    cycles = copy.deepcopy(LITE)
    violate(cycles)
    with pytest.raises(AssertionError, match=re.escape(message)):
        check(cycles, RegisterRules())
