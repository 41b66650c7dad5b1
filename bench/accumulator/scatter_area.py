"""Cell area of whole candidates, from units that are synthesised once."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from amaranth.lib import wiring
from forwarding_bank import ForwardingBank
from no_collector import NoCollector
from product_scatter import BankSelect, ProductScatter
from scatter_synthesis import Synthesis, Unit

from dstc.config import Config, get_config
from dstc_hdl.accumulator import AccumulatorBank, hazard_distance
from dstc_hdl.array import MultiplierLane
from dstc_hdl.bank_picker import BankPicker
from dstc_hdl.bitmap_unit import BitmapUnit
from dstc_hdl.collector import OperandCollector
from dstc_hdl.crossbar import OperandCrossbar
from dstc_hdl.operand_store import OperandStore
from dstc_hdl.sequencer import StepWalker

__all__ = ["Area", "Candidate"]

SLICES = (2, 4, 8, 12, 16)      # entries of which the critical path is found


@dataclass(frozen=True)
class Candidate:
    """One point of the space.

    ``side`` is ``operand``, ``product`` or ``none``; ``forward`` says that a bank forwards a sum
    that leaves the adder to a product that needs it.
    """

    side: str
    banks: tuple[int, int]
    mapping: str
    entries: int
    latency: int
    forward: bool = False

    @property
    def hazard(self) -> int:
        """Cycles between two products for one accumulator."""
        return self.latency + (not self.forward)


class Area:
    """Synthesises what candidates are made of; every unit once.

    Left out because they hardly differ between candidates: the row access of the accumulation
    buffer, the bitmap unit and everything in front of it.  Left out in favour of the product side:
    the gathering of the R and S operands of an OHMMA, which the operand side has in its crossbar.

    Parameters
    ----------
    config : Config
    synthesis : Synthesis
    """

    def __init__(self, config: Config, synthesis: Synthesis) -> None:
        self._config, self._synthesis = config, synthesis
        self._hazard = hazard_distance(config)
        self.units: dict[str, Unit] = {}

    def unit(self, name: str, make: Callable[[], wiring.Component], *, flatten: bool = True
             ) -> Unit:
        """A unit by name, synthesised at first use."""
        if name not in self.units:
            self.units[name] = self._synthesis.run(make(), "unit", flatten=flatten)
        return self.units[name]

    def of(self, candidate: Candidate) -> dict[str, float]:
        """Square micrometres by part."""
        count = candidate.banks[0] * candidate.banks[1]
        parts = getattr(self, f"_{candidate.side}")(candidate)
        lanes = count if candidate.side == "operand" else self._config.multipliers
        return {**parts, "multipliers": lanes * self._lane().area,
                "accumulators": count * self._bank(candidate).area}

    def delay(self, candidate: Candidate) -> float | None:
        """Longest path in nanoseconds of a candidate like the core, None for others.

        The collector's is that of a slice of eight banks as deep as the core's, flat, for the next
        number of entries in ``SLICES``.
        """
        own = self._config.array_rows, self._config.array_cols
        if (candidate.side, candidate.banks) != ("operand", own) or candidate.mapping == "cross":
            return None
        entries = min(number for number in SLICES if number >= candidate.entries)
        small = get_config("tiny").replace(collector_entries=entries,
                                           element=self._config.element)
        units = [self._lane(), self._bank(candidate),
                 self.unit(f"collector slice of 2x4 banks, E {entries}",
                           lambda: OperandCollector(small, self._hazard))]
        delays = [unit.delay for unit in units if unit.delay is not None]
        return max(delays) if len(delays) == len(units) else None

    def others(self) -> None:
        """Units of the core that every candidate has, for their paths."""
        self.unit("bitmap unit", lambda: BitmapUnit(self._config))
        self.unit("k-step walker", lambda: StepWalker(self._config))

    def whole_collector(self) -> tuple[float, float]:
        """Area of the collector of the configuration, synthesised in one, and as sum of units."""
        config = self._config
        whole = self.unit(f"whole collector, E {config.collector_entries}",
                          lambda: OperandCollector(config, self._hazard), flatten=False)
        candidate = Candidate("operand", (config.array_rows, config.array_cols), "modulo",
                              config.collector_entries, config.adder_latency)
        return whole.area, self._operand(candidate)["collector"]

    def _shaped(self, candidate: Candidate) -> Config:
        """The configuration whose array has the candidate's banks."""
        rows, cols = candidate.banks
        return self._config.replace(array_rows=rows, array_cols=cols)

    def _lane(self) -> Unit:
        return self.unit("multiplier lane", lambda: MultiplierLane(self._config))

    def _bank(self, candidate: Candidate) -> Unit:
        shape = self._shaped(candidate)
        make = ForwardingBank if candidate.forward else AccumulatorBank
        return self.unit(f"accumulator bank, depth {shape.bank_depth}, adder latency "
                         f"{candidate.latency}{', forwards' * candidate.forward}",
                         lambda: make(shape.replace(adder_latency=candidate.latency)))

    def _crossbar(self) -> float:
        return self.unit("operand crossbar", lambda: OperandCrossbar(self._config)).area

    def _operand(self, candidate: Candidate) -> dict[str, float]:
        entries, (rows, cols) = candidate.entries, candidate.banks
        config = self._shaped(candidate).replace(collector_entries=entries)
        # Banks of the crosswise mapping read rows of as many bank rows as there are column groups.
        spread = config.col_groups if candidate.mapping == "cross" else 1
        stores = [
            (rows, config.row_groups, cols * spread), (cols, config.col_groups, rows)]
        total = 0.0
        for count, groups, readers in stores:
            store = self.unit(f"operand store, {groups} groups, {readers} readers, E {entries}",
                              lambda groups=groups, readers=readers:
                              OperandStore(config, groups, readers))
            total += count * store.area
        def picker(entries: int, hazard: int) -> float:
            return self.unit(f"bank picker, {config.row_groups} x {config.col_groups} groups, "
                             f"E {entries}, hazard {hazard}",
                             lambda: BankPicker(config.replace(collector_entries=entries),
                                                hazard)).area

        # What a bank remembers of sums in flight does not depend on the number of entries.
        area = picker(entries, self._hazard)
        if candidate.hazard != self._hazard:
            shipped = self._config.collector_entries
            area += picker(shipped, candidate.hazard) - picker(shipped, self._hazard)
        return {"crossbar": self._crossbar(), "collector": total + rows * cols * area}

    def _none(self, candidate: Candidate) -> dict[str, float]:
        unit = self.unit(f"no collector, hazard {candidate.hazard}",
                         lambda: NoCollector(self._config, candidate.hazard), flatten=False)
        return {"crossbar": self._crossbar(), "collector": unit.area}

    def _product(self, candidate: Candidate) -> dict[str, float]:
        """Entries are alike, so two of them give all; the selection in the banks depends on E."""
        config, (rows, cols), hazard = self._config, candidate.banks, candidate.hazard
        groups = config.tile_m // rows, config.tile_n // cols

        def select(entries: int) -> float:
            return rows * cols * self.unit(
                f"bank select, {groups[0]} x {groups[1]} groups, E {entries}, hazard {hazard}",
                lambda: BankSelect(config, entries, groups, hazard)).area

        two = self.unit(f"product scatter, {rows} x {cols} banks, E 2, hazard {hazard}",
                        lambda: ProductScatter(config, candidate.banks, 2, hazard), flatten=False)
        entry = (two.area - select(2)) / 2
        return {"crossbar": 0.0,
                "collector": candidate.entries * entry + select(candidate.entries)}

    def report(self) -> dict[str, dict[str, object]]:
        """All units so far, for the results."""
        return {name: {key: value for key, value in asdict(unit).items() if key != "modules"}
                for name, unit in self.units.items()}
