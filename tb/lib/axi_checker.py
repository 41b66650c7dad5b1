"""The rules of AXI4 and AXI4-Lite, and those that the accelerator adds, checked every cycle.

:class:`MemoryRules` and :class:`RegisterRules` look at plain numbers, one cycle at a time, so that
every rule can be tried without a simulator; :func:`watch` feeds them from a running bench.  A
broken rule is an :class:`AssertionError` that names channel, rule and values.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from cocotb.triggers import RisingEdge

from dstc.accelerator.parameters import BURST_BYTES, AcceleratorConfig

__all__ = ["MEMORY_CHANNELS", "REGISTER_CHANNELS", "ChannelRules", "MemoryRules", "RegisterRules",
           "watch"]

_ADDRESS = ("id", "addr", "len", "size", "burst", "lock", "cache", "prot", "qos")
MEMORY_CHANNELS = {"aw": _ADDRESS, "w": ("data", "strb", "last"), "b": ("id", "resp"),
                   "ar": _ADDRESS, "r": ("id", "data", "resp", "last")}
"""Fields of each channel of AXI4, as they are called after the channel's letters."""
REGISTER_CHANNELS = {"aw": ("addr", "prot"), "w": ("data", "strb"), "b": ("resp",),
                     "ar": ("addr", "prot"), "r": ("data", "resp")}
"""Fields of each channel of AXI4-Lite."""
INCR = 1
CHANNELS = 11               # ids of a core's readers
JOB_READER = 15
SLVERR = 2

Fields = dict[str, int | None]
Sample = tuple[int | None, int | None, Fields]
"""``valid``, ``ready`` and, while valid, the fields of a channel; None is unknown (X)."""


class ChannelRules:
    """The rules of one handshake: known, and kept until taken."""

    def __init__(self, name: str):
        self.name = name
        self._kept: Fields | None = None

    def reset(self) -> None:
        """Forget what was offered."""
        self._kept = None

    def sample(self, valid: int | None, ready: int | None, fields: Fields) -> Fields | None:
        """The fields that are transferred at this edge, or None."""
        assert valid is not None, f"{self.name}valid must be known"
        if not valid:
            assert self._kept is None, f"{self.name}valid must be kept until taken"
            return None
        for key, value in fields.items():
            assert value is not None, f"{self.name}{key} must be known while valid"
        assert ready is not None, f"{self.name}ready must be known while valid"
        assert self._kept in (None, fields), (
            f"{self.name} must be kept until taken: {self._kept}, then {fields}")
        self._kept = None if ready else fields
        return fields if ready else None


class _Rules:
    """Handshakes of all channels of a port; subclasses look at the transfers."""

    def __init__(self, prefix: str, channels: Iterable[str], driven: Iterable[str]):
        self._channels = {name: ChannelRules(f"{prefix}{name}") for name in channels}
        self._driven = tuple(driven)
        self._in_reset = False

    def clear(self) -> None:
        """Forget everything, as a reset does."""
        for channel in self._channels.values():
            channel.reset()

    def cycle(self, samples: Mapping[str, Sample], reset: bool = False) -> None:
        """Look at one clock edge: a sample of every channel."""
        if reset:
            if self._in_reset:
                for name in self._driven:
                    assert samples[name][0] == 0, f"{name}valid must be 0 during reset"
            self.clear()
            self._in_reset = True
            return
        self._in_reset = False
        taken = {name: rules.sample(*samples[name]) for name, rules in self._channels.items()}
        self._transfers({name: fields for name, fields in taken.items() if fields is not None})

    def _transfers(self, taken: Mapping[str, Mapping[str, Any]]) -> None:
        raise NotImplementedError


class MemoryRules(_Rules):
    """AXI4 between the accelerator and a memory.

    Bursts: INCR, size of the full width, aligned, inside of a multiple of 256 bytes (so of 4 KiB),
    inside of the window, ids of the reader or the writer, fixed attributes.  Write data: as many
    beats as the burst says, ``wlast`` on the final one.  Responses: only to a request that is
    complete, beats of an id in the order of its requests, ``rlast`` on the final one.

    Parameters
    ----------
    acc : AcceleratorConfig
    window : tuple of int
        Lowest and highest address that may be accessed.

    Attributes
    ----------
    window : tuple of int
    read_beats, write_beats : int
        Transferred so far; reset does not clear them.
    """

    def __init__(self, acc: AcceleratorConfig, window: tuple[int, int] | None = None):
        super().__init__("m_axi_", MEMORY_CHANNELS, ("aw", "w", "ar"))
        self._acc = acc
        self.window = window or (0, (1 << acc.address_bits) - 1)
        self.read_beats = self.write_beats = 0
        self.clear()

    def clear(self) -> None:
        super().clear()
        self._reads: dict[int, deque[int]] = {}
        self._writes: deque[tuple[int, int]] = deque()  # id and beats of bursts without all data
        self._beats = 0                 # of the oldest burst that has not had its last
        self._early: deque[int] = deque()               # beats of bursts whose address is to come
        self._answers: dict[int, int] = {}              # complete bursts without a response

    @property
    def outstanding(self) -> int:
        """Bursts that are not complete."""
        return (sum(map(len, self._reads.values())) + len(self._writes) + len(self._early)
                + bool(self._beats) + sum(self._answers.values()))

    def cycle(self, samples: Mapping[str, Sample], reset: bool = False) -> None:
        super().cycle(samples, reset)
        for name in "br":
            assert reset or samples[name][1] == 1, f"m_axi_{name}ready must always be 1"

    def _transfers(self, taken: Mapping[str, Mapping[str, Any]]) -> None:
        # Responses first: they cannot belong to a request of the same edge.
        if "r" in taken:
            self._read_beat(taken["r"])
        if "b" in taken:
            ident = taken["b"]["id"]
            assert self._answers.get(ident), (
                f"m_axi_b must answer a complete burst, and id {ident:#x} has none")
            self._answers[ident] -= 1
        if "ar" in taken:
            self._burst("ar", taken["ar"])
            self._reads.setdefault(taken["ar"]["id"], deque()).append(taken["ar"]["len"] + 1)
        if "aw" in taken:
            self._burst("aw", taken["aw"])
            self._writes.append((taken["aw"]["id"], taken["aw"]["len"] + 1))
        if "w" in taken:
            self._write_beat(taken["w"])
        while self._early and self._writes:
            self._complete(self._early.popleft())

    def _burst(self, name: str, fields: Mapping[str, Any]) -> None:
        what, acc = f"m_axi_{name}", self._acc
        wanted = {"burst": INCR, "size": (acc.data_bytes - 1).bit_length(), "lock": 0,
                  "cache": 0b0011, "prot": 0, "qos": 0}
        for key, value in wanted.items():
            assert fields[key] == value, f"{what}{key} must be {value}, not {fields[key]}"
        first = fields["addr"]
        last = first + (fields["len"] + 1) * acc.data_bytes - 1
        assert first % acc.data_bytes == 0, f"{what}addr must be aligned to a beat, not {first:#x}"
        assert first // BURST_BYTES == last // BURST_BYTES, (
            f"{what} must not cross a multiple of {BURST_BYTES}: {first:#x} to {last:#x}")
        assert self.window[0] <= first and last <= self.window[1], (
            f"{what} must stay in the window: {first:#x} to {last:#x}")
        core, channel = fields["id"] >> 4, fields["id"] & 15
        legal = core < acc.cores and (channel < CHANNELS if name == "ar" else channel == 0)
        assert legal or (name == "ar" and fields["id"] == JOB_READER), (
            f"{what}id must be of a reader or writer of this device, not {fields['id']:#x}")

    def _write_beat(self, fields: Mapping[str, Any]) -> None:
        self._beats += 1
        self.write_beats += 1
        if self._writes and not self._early:
            wanted = self._writes[0][1]
            assert fields["last"] == (self._beats == wanted), (
                f"m_axi_wlast must be on beat {wanted} of the burst, and is {fields['last']} on "
                f"{self._beats}")
        assert self._beats <= self._acc.burst_beats, "m_axi_wlast must come within the burst"
        if fields["last"]:
            self._early.append(self._beats)
            self._beats = 0

    def _complete(self, beats: int) -> None:
        ident, wanted = self._writes.popleft()
        assert beats == wanted, f"m_axi_w must have {wanted} beats in the burst, not {beats}"
        self._answers[ident] = self._answers.get(ident, 0) + 1

    def _read_beat(self, fields: Mapping[str, Any]) -> None:
        bursts = self._reads.get(fields["id"])
        assert bursts, f"m_axi_r must answer a burst, and id {fields['id']:#x} has none"
        self.read_beats += 1
        bursts[0] -= 1
        assert fields["last"] == (bursts[0] == 0), (
            f"m_axi_rlast of id {fields['id']:#x} must be 1 on the final beat alone")
        if not bursts[0]:
            bursts.popleft()


class RegisterRules(_Rules):
    """AXI4-Lite between a host and the accelerator: one OKAY or SLVERR for each request."""

    def __init__(self) -> None:
        super().__init__("s_axi_", REGISTER_CHANNELS, ("b", "r"))
        self.clear()

    def clear(self) -> None:
        super().clear()
        self._open = dict.fromkeys(("aw", "w", "ar"), 0)

    def _transfers(self, taken: Mapping[str, Mapping[str, Any]]) -> None:
        for name, requests in (("b", ("aw", "w")), ("r", ("ar",))):
            if name in taken:
                for request in requests:
                    assert self._open[request], f"s_axi_{name} must answer an s_axi_{request}"
                    self._open[request] -= 1
                resp = taken[name]["resp"]
                assert resp in (0, SLVERR), f"s_axi_{name}resp must be OKAY or SLVERR, not {resp}"
        for name in self._open:
            self._open[name] += name in taken


def _known(handle: Any) -> int | None:
    text = str(handle.value)
    return None if set(text) - {"0", "1"} else int(text, 2)


async def watch(bench: Any, prefix: str, channels: Mapping[str, Iterable[str]], rules: _Rules
                ) -> None:
    """Give every cycle of a port to its rules, for ever.

    Parameters
    ----------
    bench : Bench
        With ``dut`` and ``in_reset``.
    prefix : str
        ``m_axi_`` or ``s_axi_``.
    channels : mapping
        :data:`MEMORY_CHANNELS` or :data:`REGISTER_CHANNELS`.
    rules : MemoryRules or RegisterRules
    """
    def handle(name: str) -> Any:
        return getattr(bench.dut, prefix + name)

    handles = {name: (handle(f"{name}valid"), handle(f"{name}ready"),
                      {key: handle(name + key) for key in fields})
               for name, fields in channels.items()}
    edge, reset = RisingEdge(bench.dut.clk), bench.dut.rst
    while True:
        await edge
        samples = {}
        for name, (valid, ready, fields) in handles.items():
            is_valid = _known(valid)
            samples[name] = (is_valid, _known(ready), {
                key: _known(field) for key, field in fields.items()} if is_valid else {})
        rules.cycle(samples, reset=_known(reset) != 0)
