"""One sample through a network, the layers on an engine and everything else on the host."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc.errors import DstcError
from dstc.network.host import HostSegment, Step, layer_reads, reference_node
from dstc.network.layers import Layer
from dstc.network.problems import (
    Problem,
    host_bias,
    layer_problems,
    layer_result,
    placed,
)
from dstc.network.tolerance import difference_bound, output_bound

from .solver import Solver

__all__ = ["LayerOutcome", "NetworkRun", "run_sample"]

Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class LayerOutcome:
    """One layer of one sample.

    Attributes
    ----------
    name : str
    bit_exact : bool
        Every result equals the golden model.
    difference : float
        Largest difference to ONNX Runtime with the same inputs; infinite where only one of two
        results is a number.
    of_bound : float
        Largest share of its bound that a difference takes; above 1 roundings do not explain it.
    rounded : int
        Operands that the element format changed.
    cycles, ohmma : int or None
        None on engine ``golden``.
    dense : int
        Cycles of a dense core with as many multipliers.
    tiles : int
        Output tiles.
    rtl_tiles : int
        Those that the Verilog of the bare core computed besides.
    """

    name: str
    bit_exact: bool
    difference: float
    of_bound: float
    rounded: int
    cycles: int | None
    ohmma: int | None
    dense: int
    tiles: int
    rtl_tiles: int

    def to_dict(self) -> dict[str, Any]:
        """In a form that JSON takes."""
        return asdict(self)


class NetworkRun:
    """A network cut into layers and host segments.

    Parameters
    ----------
    model : onnx.ModelProto
    steps : sequence of HostSegment or Layer
        Of :func:`dstc.network.host.network_steps`.
    """

    def __init__(self, model: Any, steps: Sequence[Step]) -> None:
        from onnx import numpy_helper

        self.steps = tuple(steps)
        self.outputs = tuple(entry.name for entry in model.graph.output)
        # A model may hand out its own weights.
        self.stored = {tensor.name: numpy_helper.to_array(tensor)
                       for tensor in model.graph.initializer if tensor.name in self.outputs}
        self.references = {step.output: reference_node(model, step) for step in steps
                           if isinstance(step, Layer)}
        last: dict[str, int] = {}
        for index, step in enumerate(self.steps):
            reads = step.inputs if isinstance(step, HostSegment) else layer_reads(step)
            last.update(dict.fromkeys(reads, index))
        self._last = last

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers in order."""
        return tuple(step for step in self.steps if isinstance(step, Layer))

    def forget(self, tensors: Tensors, index: int) -> None:
        """Drop what no later step needs."""
        for name in [name for name in tensors
                     if self._last.get(name, -1) <= index and name not in self.outputs]:
            del tensors[name]


def run_sample(network: NetworkRun, feeds: Mapping[str, NDArray[Any]], solver: Solver, *,
               rtl_tiles: Mapping[str, int], seed: tuple[int, ...],
               resume: Callable[[int], tuple[Any, ...] | None],
               keep: Callable[[int, LayerOutcome, NDArray[Any]], None]
               ) -> tuple[list[LayerOutcome], Tensors]:
    """Run the network once.

    Parameters
    ----------
    network : NetworkRun
    feeds : mapping of numpy.ndarray
        The model's inputs.
    solver : Solver
    rtl_tiles : mapping of int
        Output tiles to compute on the Verilog besides, by layer.
    seed : tuple of int
        Of the draw of those tiles.
    resume : callable
        Gives the outcome and output of the layer of a step if it has been computed before.
    keep : callable
        Told the step, outcome and output of every layer that was computed.

    Returns
    -------
    outcomes : list of LayerOutcome
    outputs : dict of numpy.ndarray
        The model's outputs.
    """
    tensors: Tensors = network.stored | dict(feeds)
    outcomes = []
    for index, step in enumerate(network.steps):
        if isinstance(step, HostSegment):
            tensors.update(step.run(tensors))
        else:
            before = resume(index)
            if before is None:
                outcome, out = _run_layer(network, step, tensors, solver,
                                          rtl_tiles.get(step.name, 0), (*seed, index))
                keep(index, outcome, out)
            else:
                outcome, out = before
            outcomes.append(outcome)
            tensors[step.output] = out
        network.forget(tensors, index)
    return outcomes, {name: tensors[name] for name in network.outputs}


def _run_layer(network: NetworkRun, layer: Layer, tensors: Tensors, solver: Solver,
               rtl_tiles: int, seed: tuple[int, ...]) -> tuple[LayerOutcome, NDArray[Any]]:
    problems = layer_problems(layer, tensors, solver.config.element)
    drawn = _draw([solver.tiles(problem) for problem in problems], rtl_tiles, seed)
    solutions = [solver.solve(problem, tiles)
                 for problem, tiles in zip(problems, drawn, strict=True)]
    constants = {layer.weight_name: layer.weight, layer.bias_name: layer.bias}
    reference = network.references[layer.output].run(tensors | {
        name: array for name, array in constants.items()
        if name is not None and array is not None})[layer.output]
    out = layer_result(layer, tensors, [solution.out for solution in solutions], reference.dtype)
    if out.shape != reference.shape:
        raise DstcError(f"Layer {layer.name} must give the shape {reference.shape}, "
                        f"not {out.shape}")
    difference, share = _compare(layer, tensors, problems, out, reference)
    cycles = [solution.cycles for solution in solutions]
    ohmma = [solution.ohmma for solution in solutions]
    return LayerOutcome(
        name=layer.name, bit_exact=all(solution.bit_exact for solution in solutions),
        difference=difference, of_bound=share,
        rounded=sum(problem.rounded for problem in problems),
        cycles=None if None in cycles else sum(n for n in cycles if n is not None),
        ohmma=None if None in ohmma else sum(n for n in ohmma if n is not None),
        dense=sum(solution.dense for solution in solutions),
        tiles=sum(solver.tiles(problem) for problem in problems),
        rtl_tiles=sum(solution.rtl_tiles for solution in solutions)), out


def _draw(grids: Sequence[int], tiles: int, seed: tuple[int, ...]) -> list[list[int]]:
    """Output tiles of each problem, drawn from all of them together."""
    ends = np.cumsum(grids)
    drawn = np.sort(np.random.default_rng(seed).choice(
        ends[-1], min(tiles, int(ends[-1])), replace=False))
    return [(drawn[(drawn >= end - size) & (drawn < end)] - (end - size)).tolist()
            for size, end in zip(grids, ends.tolist(), strict=True)]


def _compare(layer: Layer, tensors: Tensors, problems: Sequence[Problem], out: NDArray[Any],
             reference: NDArray[Any]) -> tuple[float, float]:
    """Largest difference to ONNX Runtime, and the largest share of its bound that one takes."""
    geometry = problems[0].geometry
    core = placed(layer, tensors, [
        difference_bound(problem.x, problem.x_element, problem.w, problem.w_element,
                         problem.bias, problem.geometry) for problem in problems])
    bound = output_bound(core, out, reference, depth=geometry.group_channels * geometry.taps,
                         alpha=layer.alpha, bias=host_bias(layer, tensors, out))
    with np.errstate(all="ignore"):
        difference = np.abs(out.astype(np.float64) - reference.astype(np.float64))
        same = (out == reference) | (np.isnan(out) & np.isnan(reference))
        share = np.where(same, 0, difference / bound)
    # A difference that is no number exceeds every bound.
    worst = [float(np.nan_to_num(values, nan=math.inf, posinf=math.inf).max())
             for values in (np.where(same, 0, difference), share)]
    return worst[0], worst[1]
