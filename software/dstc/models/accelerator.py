"""The accelerator of docs/accelerator.md: 1 to 4 cores behind one memory port.

What is moved and what is multiplied is counted exactly (:mod:`dstc.accelerator.traffic`,
:func:`dstc.skiprule.ohmma_per_tile`); what is modelled is how array, reads and writes overlap
(docs/models.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..accelerator.grid import Block
from ..accelerator.layout import Directory
from ..accelerator.parameters import AcceleratorConfig
from ..accelerator.program import CONTEXTS, Product, blocks_of, product_costs
from ..accelerator.traffic import Traffic, convolution_traffic, product_traffic, tile_sizes
from ..config import Config
from ..conv import ConvGeometry, Epilogue
from ..conv.gather import gather_program
from ..conv.schedule import choose_columns, shared_occupancy
from ..formats import EncodedMatrix
from ..skiprule import ohmma_counts, ohmma_per_tile
from .device import DeviceTime

__all__ = ["LATENCY", "CoreWork", "accelerator_time", "layer_time", "product_time"]

LATENCY = 32
"""Cycles from a read's address to its first beat, as in docs/results/system.md."""
DEPENDENT_READS = 7
"""Reads that wait for each other before the first tile: job, header, instruction, warp bitmaps,
entries, records, and the acknowledgement at the end."""
START = 60
"""Cycles of the units that these go through."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CoreWork:
    """What one core does in a job.

    Attributes
    ----------
    array : int64[instructions]
        OHMMA of each instruction.
    shares : float64[instructions]
        How its reads divide over them, in any unit.
    traffic : Traffic
        Beats of all of them.
    spans : int
        Cycles of the im2col unit if nothing ever waits; 0 where A tiles are in memory.
    """

    array: NDArray[np.int64]
    shares: NDArray[np.float64]
    traffic: Traffic
    spans: int = 0

    @property
    def reads(self) -> NDArray[np.float64]:
        """Beats that each instruction reads."""
        total = self.shares.sum()
        even = np.full(len(self.shares), 1 / max(len(self.shares), 1))
        return self.traffic.read_beats * (self.shares / total if total else even)


def accelerator_time(cores: Sequence[CoreWork], accelerator: AcceleratorConfig, *, k_tiles: int,
                     products: int, latency: int = LATENCY) -> DeviceTime:
    """Cycles of a job.

    A core's array waits for the reads of the same instruction, but not for those of others, whose
    tiles are loaded meanwhile; the port serves all cores.  Results are written behind the
    computation, so the first instruction's are not hidden by computation before, nor the last
    one's after.

    Parameters
    ----------
    cores : sequence of CoreWork
    accelerator : AcceleratorConfig
    k_tiles : int
    products : int
        Effectual MACs.
    latency : int
        Of the memory.
    """
    count = sum(len(core.array) for core in cores)
    reads = sum(core.traffic.read_beats for core in cores)
    writes = sum(core.traffic.write_beats for core in cores)
    alone = max(int(np.maximum(core.array, core.reads).sum()) for core in cores)
    spans = max(core.spans for core in cores)
    busy = max(alone, reads, spans)
    first = len(cores) * reads // (count * k_tiles)
    start = DEPENDENT_READS * latency + START + first
    tail = writes // count
    flow = max(busy + tail, busy * len(cores) // count + writes)
    cycles = start + flow
    return DeviceTime(
        cycles=cycles, start=start, tail=tail, products=products,
        multiplier_cycles=cycles * accelerator.cores * accelerator.core.multipliers,
        parts={"array": max(int(core.array.sum()) for core in cores), "reads": reads,
               "array or reads": alone, "im2col": spans, "writes": writes})


def product_time(a: EncodedMatrix, b: EncodedMatrix, accelerator: AcceleratorConfig, *,
                 dense: bool = False, latency: int = LATENCY) -> DeviceTime:
    """Cycles of a product with both operands in memory and raw results.

    Parameters
    ----------
    a, b : EncodedMatrix
    accelerator : AcceleratorConfig
    dense : bool
        Nothing is skipped.
    latency : int

    Raises
    ------
    DstcError
        If a part does not fit the configuration.
    """
    costs = product_costs(a, b, dense, accelerator.core)
    traffic = product_traffic(a, b, dense=dense, costs=costs, accelerator=accelerator)
    return _time(a, b, traffic, accelerator, dense=dense, costs=costs, latency=latency)


def layer_time(x: EncodedMatrix, lowered: EncodedMatrix, weights: EncodedMatrix,
               geometry: ConvGeometry, y: EncodedMatrix, accelerator: AcceleratorConfig, *,
               latency: int = LATENCY) -> DeviceTime:
    """Cycles of a convolution from feature map to feature map.

    Parameters
    ----------
    x : EncodedMatrix
        The feature map (:func:`dstc.conv.encode_map`).
    lowered : EncodedMatrix
        Side A of the product: the lowered feature map, which the device does not read.
    weights : EncodedMatrix
        Side B.
    geometry : ConvGeometry
    y : EncodedMatrix
        The feature map that is made.
    accelerator : AcceleratorConfig
    latency : int

    Raises
    ------
    DstcError
        If a part does not fit the configuration.
    """
    epilogue = Epilogue(relu=True, raw=False)
    gathered = None
    if geometry.taps == 1 and geometry.stride == (1, 1) and not any(geometry.pads):
        traffic = product_traffic(x, weights, epilogue=epilogue, y=y, accelerator=accelerator)
    else:
        traffic = convolution_traffic(x, weights, geometry, epilogue, y=y,
                                      accelerator=accelerator)
        gathered = geometry
    return _time(lowered, weights, traffic, accelerator, y=y, geometry=gathered, latency=latency)


def _time(a: EncodedMatrix, b: EncodedMatrix, traffic: Sequence[Traffic],
          accelerator: AcceleratorConfig, *, dense: bool = False, y: EncodedMatrix | None = None,
          costs: NDArray[np.int64] | None = None, geometry: ConvGeometry | None = None,
          latency: int) -> DeviceTime:
    config = accelerator.core
    ohmma = (np.full((a.outer_tiles, b.outer_tiles), a.k_tiles * config.dense_ohmma_per_tile)
             if dense else ohmma_per_tile(a, b, config))
    sizes = _read_shares(a, b, accelerator)
    at = Directory(address=0, rows=a.outer_tiles, k_tiles=a.k_tiles)
    product = Product(shape=(a.outer, b.outer), a=at, b=at, c=None, result=0,
                      y=None if y is None else Directory(address=0, rows=y.outer_tiles,
                                                         k_tiles=y.k_tiles))
    cores = []
    for block, moved in zip(blocks_of(product, accelerator, costs), traffic, strict=True):
        part = (slice(block.rows.start, block.rows.stop),
                slice(block.columns.start, block.columns.stop))
        cores.append(CoreWork(array=_pairs(ohmma[part]).astype(np.int64),
                              shares=_pairs(sizes[part]).astype(np.float64), traffic=moved,
                              spans=0 if geometry is None else _spans(geometry, b, block, config)))
    return accelerator_time(cores, accelerator, k_tiles=a.k_tiles, latency=latency,
                            products=ohmma_counts(a, b, config).products)


def _spans(geometry: ConvGeometry, weights: EncodedMatrix, block: Block, config: Config) -> int:
    """Spans that the im2col unit of a core gathers."""
    occupied = (np.diff(weights.offsets) > 0).reshape(weights.outer_tiles, weights.k_tiles)
    shared = shared_occupancy(occupied[block.columns.start:block.columns.stop],
                              choose_columns(geometry, weights, config))
    return gather_program(geometry, shared, config, block.rows).spans


def _pairs(tiles: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums over the columns of each instruction, row by row."""
    starts = np.arange(0, tiles.shape[1], CONTEXTS)
    return np.add.reduceat(tiles, starts, axis=1).reshape(-1)


def _read_shares(a: EncodedMatrix, b: EncodedMatrix, accelerator: AcceleratorConfig
                 ) -> NDArray[np.int64]:
    """Bytes of the tiles that each output tile needs."""
    sides = [tile_sizes(side, accelerator.core) for side in (a, b)]
    there = [side.occupied.astype(np.float64) for side in sides]
    nbytes = [side.nbytes * there[place] for place, side in enumerate(sides)]
    return (nbytes[0] @ there[1].T + there[0] @ nbytes[1].T).astype(np.int64)
