"""The core with AXI4-Stream ports."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from dstc.isa import WORD_BITS

from .core import Core
from .layouts import COUNTER_BITS, COUNTERS, status_layout

__all__ = ["StreamCore"]


class StreamCore(wiring.Component):
    """The core behind flat ports, named and behaving as AXI4-Stream (ARM IHI 0051) asks.

    Programs and tiles come and go as on :class:`~dstc_hdl.core.Core`; only names differ, and
    every structured port is taken apart.  All data widths are multiples of 8; there is no TKEEP,
    because every byte of every beat counts.  ``tlast`` ends a tile record on A and B, and a
    result tile on D; program and C have none, their lengths follow from the instructions.

    Clock and reset are ``clk`` and ``rst`` (synchronous, active high) as of every emitted unit;
    they stand for ACLK and the inverse of ARESETn.

    Timing: that of the core; nothing is registered in between.

    Parameters
    ----------
    config : Config

    Members
    -------
    s_axis_instr_tdata, s_axis_instr_tvalid : ``In``
    s_axis_instr_tready : ``Out``
        Program words.
    s_axis_a_tdata, s_axis_a_tvalid, s_axis_a_tlast : ``In``
    s_axis_a_tready : ``Out``
        Tile records of A; ``s_axis_b_...`` those of B.
    s_axis_c_tdata, s_axis_c_tvalid : ``In``
    s_axis_c_tready : ``Out``
        C tiles.
    m_axis_d_tdata, m_axis_d_tvalid, m_axis_d_tlast : ``Out``
    m_axis_d_tready : ``In``
        Result tiles.
    resume : ``In(1)``
        While halted: start anew, with counters at 0.
    busy, halted, error : ``Out(1)``
    error_code : ``Out(4)``
        Why the core stopped (``dstc.isa.ErrorCode``).
    error_address : ``Out(32)``
        Number of the program word that it is about; while halted, of the word ``HALT``.
    counter_issue, counter_conflict, ... : ``Out(48)``
        Performance counters, one port for each of ``dstc_hdl.layouts.COUNTERS``.
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            **_stream("s_axis_instr", In, Out, WORD_BITS, last=False),
            **_stream("s_axis_a", In, Out, config.a_beat_bits),
            **_stream("s_axis_b", In, Out, config.b_beat_bits),
            **_stream("s_axis_c", In, Out, config.c_beat_bits, last=False),
            **_stream("m_axis_d", Out, In, config.c_beat_bits),
            "resume": In(1),
            **{_status_name(key): Out(field.shape) for key, field in status_layout()},
            **{f"counter_{name}": Out(COUNTER_BITS) for name in COUNTERS},
        })

    @property
    def config(self):
        return self._config

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = Core(self._config)
        for prefix, inner in (("s_axis_instr", core.instr), ("s_axis_a", core.a),
                              ("s_axis_b", core.b), ("s_axis_c", core.c)):
            data, valid, ready = (getattr(self, f"{prefix}_t{part}")
                                  for part in ("data", "valid", "ready"))
            last = getattr(self, f"{prefix}_tlast", Const(0, 0))
            m.d.comb += [
                Value.cast(inner.payload).eq(Cat(data, last)),
                inner.valid.eq(valid),
                ready.eq(inner.ready),
            ]
        m.d.comb += [
            self.m_axis_d_tdata.eq(core.d.p.data),
            self.m_axis_d_tlast.eq(core.d.p.last),
            self.m_axis_d_tvalid.eq(core.d.valid),
            core.d.ready.eq(self.m_axis_d_tready),
            core.resume.eq(self.resume),
        ]
        for key, _ in status_layout():
            m.d.comb += getattr(self, _status_name(key)).eq(core.status[key])
        for name in COUNTERS:
            m.d.comb += getattr(self, f"counter_{name}").eq(core.counters[name])
        return m


def _stream(prefix, data, back, bits, last=True):
    """The members of one stream, in the order of the standard."""
    members = {"tdata": data(bits), "tvalid": data(1), "tready": back(1)}
    if last:
        members["tlast"] = data(1)
    return {f"{prefix}_{name}": member for name, member in members.items()}


def _status_name(key):
    return f"error_{key}" if key in ("code", "address") else key
