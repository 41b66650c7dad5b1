"""One sample through a network, the layers on an engine and everything else on the host."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc.errors import DstcError
from dstc.network.host import HostSegment, Step, reference_node
from dstc.network.layers import Layer
from dstc.network.problems import (
    Problem,
    host_bias,
    layer_problems,
    layer_result,
    placed,
)
from dstc.network.tolerance import UNIT, difference_bound

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
        Largest difference to ONNX Runtime with the same inputs.
    of_bound : float
        Largest share of the bound that a difference takes; at most 1.
    rounded : int
        Operands that the element format changed.
    cycles, ohmma : int or None
        None on engine ``golden``.
    dense : int
        Cycles of a dense core with as many multipliers.
    rtl_tiles : int
        Output tiles that the Verilog computed besides.
    """

    name: str
    bit_exact: bool
    difference: float
    of_bound: float
    rounded: int
    cycles: int | None
    ohmma: int | None
    dense: int
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
        self.steps = tuple(steps)
        self.outputs = tuple(entry.name for entry in model.graph.output)
        self.references = {step.output: reference_node(model, step) for step in steps
                           if isinstance(step, Layer)}
        last: dict[str, int] = {}
        for index, step in enumerate(self.steps):
            reads = step.inputs if isinstance(step, HostSegment) else _reads(step)
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
               rtl_tiles: Mapping[str, int], resume: Callable[[int], tuple[Any, ...] | None],
               keep: Callable[[int, LayerOutcome, NDArray[Any]], None]
               ) -> tuple[list[LayerOutcome], Tensors]:
    """Run one sample.

    Parameters
    ----------
    network : NetworkRun
    feeds : mapping of numpy.ndarray
        The model's inputs.
    solver : Solver
    rtl_tiles : mapping of int
        Output tiles to compute on the Verilog besides, by layer.
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
    tensors: Tensors = dict(feeds)
    outcomes = []
    for index, step in enumerate(network.steps):
        if isinstance(step, HostSegment):
            tensors.update(step.run(tensors))
        else:
            before = resume(index)
            if before is None:
                outcome, out = _run_layer(network, step, tensors, solver,
                                          rtl_tiles.get(step.name, 0))
                keep(index, outcome, out)
            else:
                outcome, out = before
            outcomes.append(outcome)
            tensors[step.output] = out
        network.forget(tensors, index)
    return outcomes, {name: tensors[name] for name in network.outputs}


def _reads(layer: Layer) -> list[str]:
    return [*layer.tensors, *([layer.bias_name] if layer.bias_name else [])]


def _run_layer(network: NetworkRun, layer: Layer, tensors: Tensors, solver: Solver,
               rtl_tiles: int) -> tuple[LayerOutcome, NDArray[Any]]:
    problems = layer_problems(layer, tensors, solver.config.element)
    solutions = [solver.solve(problem, rtl_tiles=rtl_tiles, seed=n)
                 for n, problem in enumerate(problems)]
    reference = network.references[layer.output].run(tensors)[layer.output]
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
        rtl_tiles=sum(solution.rtl_tiles for solution in solutions)), out


def _compare(layer: Layer, tensors: Tensors, problems: Sequence[Problem], out: NDArray[Any],
             reference: NDArray[Any]) -> tuple[float, float]:
    """Largest difference to ONNX Runtime, and the largest share of its bound that one takes."""
    with np.errstate(all="ignore"):
        bound = placed(layer, tensors, [
            difference_bound(problem.x, problem.x_element, problem.w, problem.w_element,
                             problem.bias, problem.geometry) for problem in problems])
        # On the host either side scales, scales the bias and adds, a rounding each; and the
        # output may be of a shorter type.
        size = np.abs(out.astype(np.float64)) + np.abs(reference.astype(np.float64))
        bias = host_bias(layer, tensors, out)
        if bias is not None:
            size += 2 * np.abs(bias.astype(np.float64))
        bound = abs(layer.alpha) * bound + 3 * UNIT * size
        if reference.dtype != np.float32:
            bound += size * _unit(reference.dtype)
        difference = np.abs(out.astype(np.float64) - reference.astype(np.float64))
        same = (out == reference) | (np.isnan(out) & np.isnan(reference))
        difference[same] = 0
        share = np.where(same, 0, difference / bound)
    if not out.size:
        return 0.0, 0.0
    # A difference that is no number exceeds every bound.
    return float(np.nan_to_num(difference, nan=np.inf).max()), float(
        np.nan_to_num(share, nan=np.inf).max())


def _unit(dtype: np.dtype[Any]) -> float:
    """Unit roundoff of a floating-point type."""
    import ml_dtypes

    return float(ml_dtypes.finfo(dtype).eps) / 2
