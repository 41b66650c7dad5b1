"""Convolutions on the emitted core with im2col unit and epilogue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc.beats import TileRecords, encoded_records, result_beats, tile_records
from dstc.config import Config
from dstc.conv import ConvGeometry, Epilogue, decode_map, encode_map, weight_matrix
from dstc.conv.chain import ChainLayer, check_chain
from dstc.conv.featuremap import map_matrix, matrix_map
from dstc.conv.program import ConvJob, conv_job, dense_ohmma
from dstc.errors import DstcError
from dstc.formats import EncodedMatrix, encode

from .runs import BINS, Stall
from .verilator.conv import ConvModel, ConvRun

__all__ = ["ConvEngine", "ConvResult"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ConvResult:
    """One convolution that ran on the core.

    Attributes
    ----------
    out : numpy.ndarray, shape (M, OH, OW)
        Accumulators of a raw epilogue, else elements.
    beats : numpy.ndarray or None
        Raw results as they were sent: C of another layer takes them as they are.
    y : TileRecords or None
        Encoded results as they were sent: the next layer takes them as they are.
    cycles : int
    bins : mapping
    ohmma : dict
        ``executed`` as counted, ``dense``: those of the dense machine for the same product.
    products : int
    spans : int
        Spans gathered: cycles of an im2col unit that never waits.
    seconds : float
        Wall time of the simulation.
    """

    out: NDArray[Any]
    beats: NDArray[np.uint8] | None
    y: TileRecords | None
    cycles: int
    bins: Mapping[str, int]
    ohmma: Mapping[str, int]
    products: int
    spans: int
    seconds: float


class ConvEngine:
    """Convolutions in Verilator, feature map in, feature map out.

    Models stay loaded, so one engine should serve many layers.

    Parameters
    ----------
    stall : Stall, optional
        Random waiting on all streams.
    """

    def __init__(self, *, stall: Stall | None = None) -> None:
        self.stall = stall
        self._models: dict[Config, ConvModel] = {}

    def prepare(self, config: Config) -> None:
        """Emit and compile the core now; otherwise the first run does."""
        self._model(config)

    @staticmethod
    def tools() -> dict[str, str]:
        """Versions of what made and ran the core."""
        from dstc_hdl.emit.tools import generator_versions, verilator_version

        return {**generator_versions(), "verilator": verilator_version()}

    def run(self, x: NDArray[Any] | TileRecords, w: NDArray[Any] | EncodedMatrix,
            geometry: ConvGeometry, epilogue: Epilogue, *,
            c: NDArray[Any] | None = None, columns: int | None = None, config: Config
            ) -> ConvResult:
        """One convolution of one image.

        Parameters
        ----------
        x : numpy.ndarray (C, H, W) or TileRecords
            Elements; or what the layer before sent.
        w : numpy.ndarray (M, C / groups, KH, KW) or EncodedMatrix
            Elements; or side B of :func:`dstc.conv.weight_matrix`.
        geometry : ConvGeometry
        epilogue : Epilogue
        c : numpy.ndarray, optional
            What the sums start from: accumulators (M, OH, OW), or the beats ``uint8[n, bytes]``
            of another layer's raw result.
        columns : int, optional
            As :func:`dstc.conv.program.conv_job` takes it.
        config : Config

        Raises
        ------
        DstcError
            If the operands do not fit the geometry or the configuration.
        SimulationError
            If the core hangs, reports an error or leaves something undone.
        """
        if isinstance(x, TileRecords):
            records = x
        else:
            if x.shape != geometry.x_shape:
                raise DstcError(f"Feature map must have the shape {geometry.x_shape}, "
                                f"not {x.shape}")
            records = tile_records(encode_map(x, config), config)
        weights = w if isinstance(w, EncodedMatrix) else encode(
            weight_matrix(w, geometry), "B", config)
        if c is not None and c.ndim != 2:
            c = result_beats(map_matrix(c), config)
        job = conv_job(records, weights, geometry, epilogue, c_data=c, columns=columns,
                       config=config)
        run = self._model(config).run(job, stall=self.stall)
        return self._result(run, job)

    def run_chain(self, layers: Sequence[ChainLayer], source: str, x: NDArray[Any], *,
                  config: Config) -> dict[str, ConvResult]:
        """A chain of convolutions of one image.

        What a layer sent is what later layers take, beat by beat: nothing is decoded or encoded
        in between.

        Parameters
        ----------
        layers : sequence of ChainLayer
        source : str
            Name of the feature map that enters.
        x : numpy.ndarray, shape (C, H, W)
            That feature map.
        config : Config

        Returns
        -------
        dict of ConvResult
            By layer.

        Raises
        ------
        DstcError, SimulationError
            As :func:`dstc.conv.chain.check_chain` and :meth:`run`.
        """
        check_chain(layers, source)
        maps: dict[str, TileRecords] = {source: tile_records(encode_map(x, config), config)}
        sums: dict[str, NDArray[np.uint8]] = {}
        results = {}
        for layer in layers:
            result = self.run(maps[layer.x], layer.w, layer.geometry, layer.epilogue,
                              c=None if layer.c is None else sums[layer.c], config=config)
            if result.y is not None:
                maps[layer.name] = result.y
            if result.beats is not None:
                sums[layer.name] = result.beats
            results[layer.name] = result
        return results

    def _result(self, run: ConvRun, job: ConvJob) -> ConvResult:
        geometry, config = job.geometry, job.config
        size = geometry.out_height, geometry.out_width
        shape = geometry.positions, geometry.outputs
        if job.d_beats:
            out = matrix_map(job.assemble(run.d_data), size)
        else:
            out = decode_map(encoded_records(run.y, shape, config), size)
        return ConvResult(
            out=out, beats=run.d_data if job.d_beats else None,
            y=None if job.d_beats else run.y, cycles=run.cycles,
            bins={name: run.counters[name] for name in BINS},
            ohmma={"executed": run.counters["ohmma"], "dense": dense_ohmma(geometry, config)},
            products=run.counters["products"], spans=job.spans, seconds=run.seconds)

    def _model(self, config: Config) -> ConvModel:
        if config not in self._models:
            from dstc_hdl.emit import emit_unit

            self._models[config] = ConvModel(emit_unit("conv_core", config)[0], config)
        return self._models[config]
