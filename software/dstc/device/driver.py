"""The driver: products and convolutions on an accelerator behind a bus."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ..accelerator.records import RECORD_BYTES
from ..config import Config
from ..conv.chain import ChainLayer, check_chain
from ..conv.epilogue import Epilogue
from ..conv.featuremap import encode_map, map_matrix
from ..conv.geometry import ConvGeometry
from ..errors import DstcError
from ..formats import EncodedMatrix, encode
from .bus import Bus
from .identity import identify
from .layers import add_gemm, add_layer, require_accumulators
from .memory import Allocator
from .queue import RING_LOG2, JobQueue, JobReport
from .task import MapPlace, RawPlace, Task, TaskBuilder, read_place

__all__ = ["Device", "Run"]

CYCLE_TIMEOUT = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Run:
    """What came out.

    Attributes
    ----------
    results : dict of numpy.ndarray
        ``d`` of a product; of convolutions, by layer.
    reports : dict of JobReport
        By job; without ``profile`` that of the last job alone.
    """

    results: dict[str, NDArray[Any]]
    reports: dict[str, JobReport]

    @property
    def result(self) -> NDArray[Any]:
        """The last result."""
        return list(self.results.values())[-1]

    @property
    def report(self) -> JobReport:
        """The last report."""
        return list(self.reports.values())[-1]


class Device:
    """An accelerator, ready to work.

    Parameters
    ----------
    bus : Bus
        The way to it.
    memory : range
        Addresses that it may use and that nobody else does; it accesses no others.
    config : Config, optional
        Its cores, if the registers cannot tell.
    interrupt : bool
        Wait by interrupt; otherwise by polling.
    timeout : float or None
        Seconds that a wait may take; None: any time.
    cycle_timeout : int
        Cycles without any transfer after which the device gives up a job; 0: never.

    Attributes
    ----------
    accelerator : AcceleratorConfig
        What was found.
    queue : JobQueue
        The ring, for those who make programs themselves.

    Raises
    ------
    DstcError
        If no device of a known version and configuration answers, or the memory is out of its
        reach or too small.

    Examples
    --------
    >>> from dstc.device import Device
    >>> device = Device(bus, memory=range(0x8000_0000, 0x9000_0000))
    >>> run = device.gemm(a, b, c)
    >>> run.result, run.report.cycles
    """

    def __init__(self, bus: Bus, memory: range, *, config: Config | None = None,
                 interrupt: bool = True, timeout: float | None = 60.0,
                 cycle_timeout: int = CYCLE_TIMEOUT):
        self.accelerator = identify(bus, config)
        limit = 1 << self.accelerator.address_bits
        if memory.step != 1 or not 0 <= memory.start < memory.stop <= limit:
            raise DstcError(f"Memory of the device must be a range of addresses below {limit:#x}, "
                            f"not {memory}")
        self._bus = bus
        self._allocator = Allocator(memory)
        ring = self._allocator.allocate("ring of jobs", RECORD_BYTES << RING_LOG2)
        self.queue = JobQueue(bus, self.accelerator, ring.address, interrupt=interrupt,
                              timeout=timeout, thing_at=self._thing_at)
        self.queue.start(memory, cycle_timeout)

    def clear(self) -> None:
        """End everything and forget all jobs and errors."""
        self.queue.clear()

    def gemm(self, a: NDArray[Any] | EncodedMatrix, b: NDArray[Any] | EncodedMatrix,
             c: NDArray[Any] | None = None, *, mode: str = "sparse") -> Run:
        """``A B + C``.

        Parameters
        ----------
        a, b : numpy.ndarray or EncodedMatrix
            M x K and K x N, elements or encoded as sides A and B.
        c : numpy.ndarray, optional
            M x N of the accumulator type; +0 without.
        mode : str
            ``sparse`` or ``dense``: only pairs of tiles that both have a non-zero, by the skip
            rule, or all in full.

        Returns
        -------
        Run
            With the result ``d``, accumulators.

        Raises
        ------
        DstcError
            If operands do not fit each other, the configuration or the memory.
        DeviceError, DeviceTimeout
            If the device fails; it has been cleared.
        """
        return self._complete(self.prepare_gemm(a, b, c, mode=mode), False)

    def convolve(self, x: NDArray[Any], w: NDArray[Any], geometry: ConvGeometry,
                 epilogue: Epilogue, *, c: NDArray[Any] | None = None) -> Run:
        """One convolution of one image.

        Parameters
        ----------
        x : numpy.ndarray, shape (C, H, W)
        w : numpy.ndarray, shape (M, C / groups, KH, KW)
            Elements.
        geometry : ConvGeometry
        epilogue : Epilogue
        c : numpy.ndarray, shape (M, OH, OW), optional
            Accumulators from which sums start.

        Returns
        -------
        Run
            With the result ``y``, shape (M, OH, OW).

        Raises
        ------
        DstcError, DeviceError, DeviceTimeout
            As :meth:`gemm`.
        """
        layer = ChainLayer(name="y", x="x", w=w, geometry=geometry, epilogue=epilogue)
        return self._complete(self.prepare_chain([layer], "x", x, c=c), False)

    def run_chain(self, layers: Sequence[ChainLayer], source: str, x: NDArray[Any], *,
                  profile: bool = False) -> Run:
        """Convolutions one after the other; feature maps stay in the memory of the device.

        Parameters
        ----------
        layers : sequence of ChainLayer
            In an order in which they can run.
        source : str
            Name of the feature map that enters.
        x : numpy.ndarray, shape (C, H, W)
            That feature map, elements.
        profile : bool
            Wait for every job and read its counters; otherwise the device has all jobs at once.

        Returns
        -------
        Run
            With the result of every layer: elements, or accumulators of raw ones.

        Raises
        ------
        DstcError, DeviceError, DeviceTimeout
            As :meth:`gemm` and :func:`dstc.conv.chain.check_chain`.
        """
        return self._complete(self.prepare_chain(layers, source, x), profile)

    def prepare_gemm(self, a: NDArray[Any] | EncodedMatrix, b: NDArray[Any] | EncodedMatrix,
                     c: NDArray[Any] | None = None, *, mode: str = "sparse") -> Task:
        """Put everything of :meth:`gemm` into memory, to run it once or more."""
        core = self.accelerator.core
        left = a if isinstance(a, EncodedMatrix) else encode(a, "A", core)
        right = b if isinstance(b, EncodedMatrix) else encode(b, "B", core)
        builder = TaskBuilder(self._bus, self._allocator, self.accelerator)
        try:
            add_gemm(builder, left, right, c, mode, self.accelerator)
        except BaseException:
            builder.release()
            raise
        return builder.task

    def prepare_chain(self, layers: Sequence[ChainLayer], source: str, x: NDArray[Any], *,
                      c: NDArray[Any] | None = None) -> Task:
        """Put everything of :meth:`run_chain` into memory; ``c`` is that of the first layer."""
        check_chain(layers, source)
        if not layers:
            raise DstcError("Layers of a chain must be at least one, not none")
        for layer in layers:
            if layer.x == source and x.shape != layer.geometry.x_shape:
                raise DstcError(f"Feature map must have the shape {layer.geometry.x_shape}, "
                                f"not {x.shape}")
        builder = TaskBuilder(self._bus, self._allocator, self.accelerator)
        places = builder.task.places
        try:
            entering = builder.operand(source, encode_map(x, self.accelerator.core))
            for layer in layers:
                start = None
                if layer.c is not None:
                    raw = places[layer.c]
                    assert isinstance(raw, RawPlace)
                    start = raw.region.address
                elif c is not None and layer is layers[0]:
                    require_accumulators(c, layer.geometry.out_shape, self.accelerator)
                    start = builder.accumulators("C", map_matrix(c))
                place = places.get(layer.x)
                directory = place.directory if isinstance(place, MapPlace) else entering
                add_layer(builder, layer, directory, start, self.accelerator)
        except BaseException:
            builder.release()
            raise
        return builder.task

    def run(self, task: Task, *, profile: bool = False) -> dict[str, JobReport]:
        """Run the jobs of a task.

        Returns
        -------
        dict of JobReport
            By job; without ``profile`` that of the last job alone.

        Raises
        ------
        DeviceError, DeviceTimeout
            If the device fails; it has been cleared.
        """
        if not task.jobs:
            raise DstcError("Task must have jobs, not have been released")
        reports = {}
        try:
            for number, (name, programs) in enumerate(task.jobs.items()):
                self.queue.submit(programs, number)
                if profile or number == len(task.jobs) - 1:
                    self.queue.wait()
                    reports[name] = self.queue.report()
        except BaseException:
            self.clear()
            raise
        return reports

    def read(self, task: Task, name: str) -> NDArray[Any]:
        """A result of a task that has run: accumulators or elements, as a matrix or a feature
        map (C, H, W)."""
        return read_place(self._bus, task.places[name], self.accelerator)

    def release(self, task: Task) -> None:
        """Give the memory of a task back; it cannot run any more."""
        for region in task.regions:
            self._allocator.free(region)
        task.regions.clear()
        task.jobs.clear()

    def _complete(self, task: Task, profile: bool) -> Run:
        try:
            reports = self.run(task, profile=profile)
            return Run(results={name: self.read(task, name) for name in task.places},
                       reports=reports)
        finally:
            self.release(task)

    def _thing_at(self, address: int) -> str | None:
        region = self._allocator.owner(address)
        return f"{region.name}, byte {address - region.address}" if region else None
