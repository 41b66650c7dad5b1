"""Products and convolutions on the simulated accelerator, from memory to memory."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.config import Config
from dstc.conv import ConvGeometry, Epilogue
from dstc.conv.chain import ChainLayer
from dstc.conv.program import dense_ohmma
from dstc.device import Device, DeviceError, DeviceTimeout, JobReport, Task
from dstc.formats import EncodedMatrix, encode
from dstc.skiprule import ohmma_counts

from ..results import RunResult
from ..runs import BINS, SimulationError
from .bus import MEMORY, SimulatedBus
from .timing import MemoryTiming

__all__ = ["AcceleratorEngine", "accelerator_costs", "joined_costs"]

CORE_COUNTS = ("cycles", *BINS, "ohmma")

Operand = NDArray[Any] | EncodedMatrix


class AcceleratorEngine:
    """The accelerator in Verilator, driven by :class:`dstc.device.Device`.

    Models stay loaded, so one engine should serve many products.

    Parameters
    ----------
    cores : int
    data_bits : int
        Of the memory port.
    timing : MemoryTiming, optional
        How the memory behaves.
    interrupt : bool
        Whether the driver waits by interrupt, or polls.
    trace : Path, optional
        VCD file of the latest run.

    Raises
    ------
    DstcError
        If such an accelerator cannot be built.
    """

    name = "rtl"

    def __init__(self, *, cores: int = 1, data_bits: int = 128,
                 timing: MemoryTiming | None = None, interrupt: bool = True,
                 trace: Path | None = None) -> None:
        self._cores = cores
        self._data_bits = data_bits
        self._timing = timing or MemoryTiming()
        self._interrupt = interrupt
        self._trace = trace
        self._devices: dict[Config, tuple[SimulatedBus, Device]] = {}

    def accelerator(self, config: Config) -> AcceleratorConfig:
        """What is simulated for a configuration of the core."""
        return AcceleratorConfig(core=config, cores=self._cores, data_bits=self._data_bits)

    def prepare(self, config: Config) -> None:
        """Emit and compile the accelerator now; otherwise the first run does."""
        self.device(config)

    def device(self, config: Config) -> tuple[SimulatedBus, Device]:
        """The bus and the driver of a configuration."""
        if config not in self._devices:
            bus = SimulatedBus(self.accelerator(config), timing=self._timing, trace=self._trace)
            try:
                device = Device(bus, MEMORY, config=config, interrupt=self._interrupt,
                                timeout=None)
            except (DeviceError, DeviceTimeout) as error:
                raise SimulationError(str(error)) from None
            self._devices[config] = bus, device
        return self._devices[config]

    def close(self) -> None:
        """End the simulations and complete the trace."""
        for bus, _ in self._devices.values():
            bus.close()
        self._devices.clear()

    @staticmethod
    def tools() -> dict[str, str]:
        """Versions of what made and ran the accelerator."""
        from dstc_hdl.emit.tools import generator_versions, verilator_version

        return {**generator_versions(), "verilator": verilator_version()}

    def run(self, a: Operand, b: Operand, c: NDArray[Any] | None = None, *, config: Config,
            mode: str = "sparse") -> RunResult:
        """As :meth:`dstc_sim.engine.Engine.run`; seconds count encoding, simulation and decoding.

        Cycles are those of the job; bins are summed over the cores.  ``dense_cycles`` are those of
        as many cores in dense mode, their OHMMA evenly shared.
        """
        _, device = self.device(config)
        started = time.perf_counter()
        encoded = [x if isinstance(x, EncodedMatrix) else encode(x, side, config)
                   for side, x in (("A", a), ("B", b))]
        counts = ohmma_counts(encoded[0], encoded[1], config)
        task = device.prepare_gemm(encoded[0], encoded[1], c, mode=mode)
        outputs, reports = self._complete(config, task)
        return RunResult(
            engine=self.name, config=config, mode=mode, out=outputs["d"],
            shape=(encoded[0].outer, encoded[1].outer, encoded[0].k),
            dense_cycles=-(-counts.dense // self._cores),
            seconds=time.perf_counter() - started,
            **self._costs(reports["d"], counts.dense, config))

    def convolve(self, x: NDArray[Any], w: NDArray[Any], geometry: ConvGeometry,
                 epilogue: Epilogue, *, c: NDArray[Any] | None = None, config: Config
                 ) -> RunResult:
        """One convolution of one image; ``out`` is (M, OH, OW).

        Raises
        ------
        DstcError
            If the operands do not fit the geometry, the configuration or the memory.
        SimulationError
            If the device fails.
        """
        _, device = self.device(config)
        started = time.perf_counter()
        layer = ChainLayer(name="y", x="x", w=w, geometry=geometry, epilogue=epilogue)
        outputs, reports = self._complete(config, device.prepare_chain([layer], "x", x, c=c))
        return self._convolution(layer, outputs["y"], reports["y"], config,
                                 time.perf_counter() - started)

    def run_chain(self, layers: Sequence[ChainLayer], source: str, x: NDArray[Any], *,
                  config: Config) -> dict[str, RunResult]:
        """Convolutions one after the other; feature maps stay in the simulated memory.

        Raises
        ------
        DstcError, SimulationError
            As :meth:`convolve` and :func:`dstc.conv.chain.check_chain`.
        """
        _, device = self.device(config)
        outputs, reports = self._complete(config, device.prepare_chain(layers, source, x))
        return {layer.name: self._convolution(layer, outputs[layer.name], reports[layer.name],
                                              config, 0.0) for layer in layers}

    def _complete(self, config: Config, task: Task
                  ) -> tuple[dict[str, NDArray[Any]], dict[str, JobReport]]:
        bus, device = self.device(config)
        try:
            reports = device.run(task, profile=True)
            if not bus.model.quiet:
                raise SimulationError("Device ended a job with transfers under way")
            return {name: device.read(task, name) for name in task.places}, reports
        except (DeviceError, DeviceTimeout) as error:
            raise SimulationError(str(error)) from None
        finally:
            device.release(task)
            if self._trace is not None:
                self.close()

    def _convolution(self, layer: ChainLayer, out: NDArray[Any], report: JobReport,
                     config: Config, seconds: float) -> RunResult:
        geometry = layer.geometry
        dense = dense_ohmma(geometry, config)
        return RunResult(
            engine=self.name, config=config, mode="sparse", out=out,
            shape=(geometry.positions, geometry.outputs, geometry.k),
            dense_cycles=-(-dense // self._cores), seconds=seconds,
            **self._costs(report, dense, config))

    def _costs(self, report: JobReport, dense: int, config: Config) -> dict[str, Any]:
        """What a job cost by the device's counters, as fields of the result."""
        tools = self.tools()
        return {
            "cycles": report.cycles,
            "ohmma": {"executed": sum(core.ohmma for core in report.cores), "dense": dense},
            "bins": {name: sum(core.bins[name] for core in report.cores) for name in BINS},
            "products": sum(core.products for core in report.cores),
            "simulator": f"verilator {tools['verilator']}", "tools": tools,
            "accelerator": {"latency": self._timing.latency,
                            **accelerator_costs([report], self.accelerator(config))}}


def accelerator_costs(reports: Sequence[JobReport], accelerator: AcceleratorConfig
                      ) -> Mapping[str, Any]:
    """What jobs cost, in a form that JSON takes.

    Parameters
    ----------
    reports : sequence of JobReport
        All of their numbers are added.
    accelerator : AcceleratorConfig

    Returns
    -------
    mapping
        ``name``, ``cores``, ``port_bits``; ``read_bytes`` and ``write_bytes`` by the counters of
        the cores, in whole beats; ``port_utilization``, the share of the jobs' cycles in which
        the memory port takes a beat that is read, and one that is written; ``core_bins``, for
        each core its ``cycles``, the bins that sum to them, and its ``ohmma``.
    """
    cycles = sum(report.cycles for report in reports)
    beats = {name: sum(getattr(core, f"{name}_beats") for report in reports
                       for core in report.cores) for name in ("read", "write")}
    return {
        "name": accelerator.name, "cores": accelerator.cores, "port_bits": accelerator.data_bits,
        **{f"{name}_bytes": count * accelerator.data_bytes for name, count in beats.items()},
        "port_utilization": {name: count / cycles for name, count in beats.items()},
        "core_bins": [
            {name: sum(getattr(report.cores[core], name) for report in reports)
             for name in CORE_COUNTS} for core in range(accelerator.cores)]}


def joined_costs(runs: Sequence[RunResult]) -> Mapping[str, Any] | None:
    """What several runs on one accelerator cost together, in the form of one run; None if they
    were on a bare core."""
    parts = [run.accelerator for run in runs if run.accelerator is not None]
    if not parts:
        return None
    weights = [run.cycles or 0 for run in runs]
    busy = {name: sum(part["port_utilization"][name] * weight
                      for part, weight in zip(parts, weights, strict=True)) / sum(weights)
            for name in ("read", "write")}
    cores = [{name: sum(bins[name] for bins in each) for name in CORE_COUNTS}
             for each in zip(*(part["core_bins"] for part in parts), strict=True)]
    return {**parts[0], **{name: sum(part[name] for part in parts)
                           for name in ("read_bytes", "write_bytes")},
            "port_utilization": busy, "core_bins": cores}
