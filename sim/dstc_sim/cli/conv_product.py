"""Running one convolution on an engine and telling about it."""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dstc.config import Config
from dstc.conv import convolution, im2col, weight_matrix
from dstc.conv.program import dense_ohmma
from dstc.formats import encode
from dstc.skiprule import ohmma_counts
from dstc_sim.engine import BINS, ModelEngine, RunResult
from dstc_sim.lowered import lowered_convolution
from dstc_sim.runs import Stall

from .conv_operands import ConvOperands
from .operands import Operands
from .product import product_report

if TYPE_CHECKING:
    from dstc_sim.accelerator.engine import AcceleratorEngine

__all__ = ["accelerator_conv", "conv_report", "golden_conv", "model_conv", "rtl_conv"]

Advance = Callable[[int], None]


def golden_conv(operands: ConvOperands, config: Config, advance: Advance) -> RunResult:
    """The golden model; the counts are those of the skip rule, without cycles.

    Parameters
    ----------
    operands : ConvOperands
    config : Config
    advance : callable
        Called with the number of images just done.
    """
    geometry = operands.geometry
    b = encode(weight_matrix(operands.w, geometry), "B", config)
    runs = []
    for image in operands.x:
        started = time.perf_counter()
        out = convolution(image, operands.w, geometry, operands.epilogue, element=config.format)
        seconds = time.perf_counter() - started
        counts = ohmma_counts(encode(im2col(image, geometry), "A", config), b, config)
        runs.append(RunResult(
            engine="golden", config=config, mode="sparse", out=out, seconds=seconds,
            shape=_shape(operands), dense_cycles=counts.dense,
            ohmma={"executed": counts.executed, "dense": counts.dense},
            products=counts.products, tools={"numpy": np.__version__}))
        advance(1)
    return _whole(runs, operands)


def model_conv(operands: ConvOperands, config: Config, advance: Advance) -> RunResult:
    """The lowered product on the cycle model (:func:`dstc_sim.conv.lowered_convolution`).

    Raises
    ------
    DstcError
        If numba is not installed.
    """
    engine = ModelEngine()
    geometry = operands.geometry
    b = encode(weight_matrix(operands.w, geometry), "B", config)
    runs = []
    for image in operands.x:
        runs.append(lowered_convolution(engine, image, b, geometry, operands.epilogue,
                                        config=config))
        advance(1)
    return _whole(runs, operands)


def rtl_conv(operands: ConvOperands, config: Config, stall: Stall | None, advance: Advance
             ) -> RunResult:
    """The convolution on the emitted core with im2col unit and epilogue, in Verilator.

    Raises
    ------
    SimulationError
        If the core hangs, reports an error or leaves something undone.
    """
    from dstc_sim.conv import ConvEngine

    engine = ConvEngine(stall=stall)
    engine.prepare(config)
    tools = engine.tools()
    runs = []
    for image in operands.x:
        run = engine.run(image, operands.w, operands.geometry, operands.epilogue, config=config)
        runs.append(RunResult(
            engine="rtl", config=config, mode="sparse", shape=_shape(operands), out=run.out,
            cycles=run.cycles, dense_cycles=run.ohmma["dense"], ohmma=run.ohmma, bins=run.bins,
            products=run.products, seconds=run.seconds, tools=tools,
            simulator=f"verilator {tools['verilator']}"))
        advance(1)
    return _whole(runs, operands)


def accelerator_conv(operands: ConvOperands, config: Config, engine: "AcceleratorEngine",
                     advance: Advance) -> RunResult:
    """The convolution on the accelerator, one job for each image.

    Raises
    ------
    SimulationError
        If the device fails, or breaks a rule of its buses.
    """
    engine.prepare(config)
    runs = []
    for image in operands.x:
        runs.append(engine.convolve(image, operands.w, operands.geometry, operands.epilogue,
                                    config=config))
        advance(1)
    return _whole(runs, operands)


def _whole(runs: list[RunResult], operands: ConvOperands) -> RunResult:
    """The images of a batch as one run, beside the dense core of :func:`dense_ohmma`."""
    from dstc_sim.accelerator.engine import joined_costs

    first, config = runs[0], runs[0].config
    dense = dense_ohmma(operands.geometry, config) * len(runs)
    counted = first.bins is not None
    return replace(
        first, shape=_shape(operands), out=_stacked([run.out for run in runs], operands.batch),
        cycles=sum(run.cycles or 0 for run in runs) if counted else None,
        dense_cycles=-(-dense // (first.accelerator["cores"] if first.accelerator else 1)),
        ohmma={"executed": sum(run.ohmma["executed"] for run in runs), "dense": dense},
        bins={name: sum((run.bins or {})[name] for run in runs) for name in BINS}
        if counted else None,
        products=sum(run.products for run in runs), seconds=sum(run.seconds for run in runs),
        accelerator=joined_costs(runs))


def _stacked(images: list[NDArray[Any]], batch: bool) -> NDArray[Any]:
    return np.stack(images) if batch else images[0]


def _shape(operands: ConvOperands) -> tuple[int, int, int]:
    """M, N and K of the product: positions of all images, output channels, taps."""
    geometry = operands.geometry
    return len(operands.x) * geometry.positions, geometry.outputs, geometry.k


def conv_report(result: RunResult, golden: RunResult, operands: ConvOperands, seed: int | None
                ) -> dict[str, Any]:
    """What ``--json`` prints: as of a product of the lowered operands, and the geometry.

    Parameters
    ----------
    result, golden : RunResult
        Of the engine and of the golden model.
    operands : ConvOperands
    seed : int or None
        None when nothing was random.
    """
    geometry = operands.geometry
    lowered = im2col(operands.x, geometry).reshape(-1, geometry.k)
    report = product_report(result, golden, Operands(
        a=lowered, b=weight_matrix(operands.w, geometry), c=None, rounded=operands.rounded), seed)
    report["density"] |= {name: int(np.count_nonzero(values)) / values.size
                          for name, values in (("x", operands.x), ("w", operands.w))}
    epilogue = operands.epilogue
    return report | {
        "geometry": {"images": len(operands.x), **asdict(geometry),
                     "out_height": geometry.out_height, "out_width": geometry.out_width},
        "macs": geometry.macs * len(operands.x),
        "epilogue": {"bias": epilogue.bias is not None, "relu": epilogue.relu,
                     "encoded": not epilogue.raw}}
