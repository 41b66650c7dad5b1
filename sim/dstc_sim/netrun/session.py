"""One run of a network: inputs, samples, checkpoint, report."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from dstc.config import get_config
from dstc.errors import DstcError
from dstc.network import (
    Recorder,
    find_layers,
    fix_shapes,
    graph_inputs,
    load_model,
    parse_input_shapes,
    read_inputs,
    resolve_shapes,
    sample_inputs,
)
from dstc.network.host import network_steps
from dstc.network.text import plain

from .checkpoint import Checkpoint, run_key
from .network_run import LayerOutcome, NetworkRun, run_sample
from .report import largest_difference, layer_rows, total_row
from .samples import cut, read_labels, tops
from .solver import Solver

__all__ = ["Session", "SessionOptions"]

Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class SessionOptions:
    """What ``dstc run`` was asked for; its help says what each means."""

    engine: str
    config: str
    input: str | None = None
    labels: str | None = None
    samples: int | None = None
    input_shapes: tuple[str, ...] = ()
    seed: int = 0
    rtl_tiles: int = 0
    rtl_layers: tuple[str, ...] | None = None
    checkpoint: Path | None = None


class Session:
    """A network with its inputs, ready to run.

    Parameters
    ----------
    path : str
        ONNX file.
    options : SessionOptions

    Raises
    ------
    DstcError
        If the model, an input or an option cannot be used; one sentence.
    """

    def __init__(self, path: str, options: SessionOptions) -> None:
        self._options, self._path = options, path
        self._solver = Solver(options.engine, get_config(options.config))
        for name in ("samples", "labels"):
            if getattr(options, name) is not None and options.input is None:
                raise DstcError(f"Option --{name} must be given with --input, not without")
        model = load_model(path)
        if not model.graph.output:
            raise DstcError(f"Model {path} must have an output to be run for, not none")
        self._feeds = self._read_inputs(model)
        there = len(self._feeds) * self._at_once
        wanted = there if options.samples is None else options.samples
        if wanted % self._at_once or wanted > there:
            raise DstcError(f"Samples must be at most {there} and a multiple of {self._at_once}, "
                            f"which the model takes at once, not {wanted}")
        self._feeds = self._feeds[:wanted // self._at_once]
        first = {name: array.shape for name, array in self._feeds[0].items()}
        self._model = fix_shapes(model, resolve_shapes(graph_inputs(model), first))
        found = find_layers(self._model)
        self._skipped = found.skipped
        self._run = NetworkRun(self._model, network_steps(self._model, found.layers))
        self._labels = None if options.labels is None else read_labels(
            options.labels, there, wanted)
        self._tiles = self._chosen_tiles()
        self._whole = Recorder(self._model, self._run.outputs)
        self._resumed = 0

    @property
    def work(self) -> int:
        """Layers of all runs: what the progress bar counts."""
        return len(self._feeds) * len(self._run.layers)

    def prepare(self) -> None:
        """Compile what the engine needs."""
        self._solver.prepare(rtl_tiles=any(self._tiles.values()))

    def run(self, advance: Callable[[int], None]) -> tuple[dict[str, Any], dict[str, list[Any]]]:
        """Run all samples.

        Parameters
        ----------
        advance : callable
            Called with the number of layers just done.

        Returns
        -------
        report : dict
            What ``--json`` prints, without the seconds.
        outputs : dict of list of numpy.ndarray
            The network's outputs, by name, of each run.

        Raises
        ------
        DstcError
            If a layer or what stands between layers cannot be run, or the checkpoint not used.
        SimulationError
            If the core hangs or reports an error.
        """
        runs: list[list[LayerOutcome]] = []
        core: list[Tensors] = []
        host: list[Tensors] = []
        with self._checkpoint() as checkpoint:
            for index, feeds in enumerate(self._feeds):
                host.append(self._whole.fetch(self._run.outputs, feeds))
                self._require_answers(host[-1])
                done = checkpoint.sample(index)
                if done is None:
                    done = self._run_sample(checkpoint, index, feeds, advance)
                    checkpoint.keep_sample(index, *done)
                else:
                    self._resumed += len(done[0])
                    advance(len(done[0]))
                runs.append(done[0])
                core.append(done[1])
            checkpoint.remove()
        return self._report(runs, core, host), {
            name: [one[name] for one in core] for name in self._run.outputs}

    def _read_inputs(self, model: Any) -> list[Tensors]:
        """What each run is fed with; sets how many samples that is."""
        options, inputs = self._options, graph_inputs(model)
        if options.input is None:
            shapes = resolve_shapes(inputs, parse_input_shapes(options.input_shapes, inputs))
            feeds = sample_inputs(fix_shapes(model, shapes), inputs, shapes, options.seed)
            at_once = {name: shape[0] for name, shape in shapes.items() if shape}
        else:
            if options.input_shapes:
                raise DstcError("Option --input-shape must be given without --input, not with it")
            # The first dimension counts samples, as many at once as the model wants.
            at_once = {entry.name: entry.shape[0] if isinstance(entry.shape[0], int) else 1
                       for entry in inputs if entry.shape}
            feeds = read_inputs(options.input, [
                dataclasses.replace(entry, shape=("samples", *entry.shape[1:]))
                if entry.shape else entry for entry in inputs])
            ranks = {entry.name: len(entry.shape) for entry in inputs}
            resolve_shapes(inputs, {
                name: (at_once[name], *array.shape[1:]) if array.ndim == ranks[name] > 0
                else array.shape for name, array in feeds.items()})
        # Inputs that differ in their first dimension hold one sample in one run.
        lengths = set(at_once.values())
        self._at_once = lengths.pop() if len(lengths) == 1 else 1
        return cut(feeds, at_once)

    def _run_sample(self, checkpoint: Checkpoint, index: int, feeds: Tensors,
                    advance: Callable[[int], None]) -> tuple[list[LayerOutcome], Tensors]:
        def resume(step: int) -> tuple[LayerOutcome, NDArray[Any]] | None:
            found = checkpoint.layer(index, step)
            if found is not None:
                self._resumed += 1
                advance(1)
            return found

        def keep(step: int, outcome: LayerOutcome, out: NDArray[Any]) -> None:
            checkpoint.keep_layer(index, step, outcome, out)
            advance(1)

        return run_sample(self._run, feeds, self._solver, rtl_tiles=self._tiles,
                          seed=(self._options.seed, index), resume=resume, keep=keep)

    def _report(self, runs: list[list[LayerOutcome]], core: list[Tensors], host: list[Tensors]
                ) -> dict[str, Any]:
        rows = layer_rows(runs)
        first = self._run.outputs[0]
        answers = [[one[first] for one in outputs] for outputs in (core, host)]
        ours, theirs = (tops(one, self._at_once) for one in answers)
        labels = None if self._labels is None else self._labels.tolist()
        return {
            "model": Path(self._path).name, "engine": self._solver.engine,
            "config": self._solver.config.name, "samples": len(runs) * self._at_once,
            "input": "made up" if self._options.input is None else "file",
            "layers": rows, "total": total_row(rows),
            "output": {"difference": largest_difference(*answers),
                       "same_top1": _agreement(ours, theirs)},
            "accuracy": None if labels is None else {
                "core": _agreement(ours, labels), "onnxruntime": _agreement(theirs, labels)},
            "resumed": self._resumed,
            "skipped": [dataclasses.asdict(skipped) for skipped in self._skipped]}

    def _require_answers(self, outputs: Tensors) -> None:
        """Refuse labels early if the outputs are no answers."""
        first = self._run.outputs[0]
        if self._labels is not None and tops([outputs[first]], self._at_once) is None:
            raise DstcError(f"Labels must be given with a model whose output {plain(first)} holds "
                            f"values for {self._at_once} samples, not the shape "
                            f"{list(outputs[first].shape)}")

    def _checkpoint(self) -> Checkpoint:
        options = dataclasses.asdict(self._options)
        facts = {key: value for key, value in options.items()
                 if key not in ("checkpoint", "input", "labels")}
        facts |= {"configuration": self._solver.config.to_dict(), "dstc": version("dstc")}
        joined = {f"{name} {n}": array for n, feeds in enumerate(self._feeds)
                  for name, array in feeds.items()}
        key = run_key(facts, self._model.SerializeToString(deterministic=True), joined)
        if self._options.checkpoint is not None:
            return Checkpoint(self._options.checkpoint, key)
        from dstc_hdl.emit import build_folder

        return Checkpoint(build_folder() / "runs" / key, key)

    def _chosen_tiles(self) -> dict[str, int]:
        names = [layer.name for layer in self._run.layers]
        chosen = names if self._options.rtl_layers is None else self._options.rtl_layers
        unknown = [name for name in chosen if name not in names]
        if unknown:
            raise DstcError(f"Layer must be one of {', '.join(names)}, not {unknown[0]!r}")
        return dict.fromkeys(chosen, self._options.rtl_tiles)


def _agreement(left: list[int] | None, right: list[int] | None) -> float | None:
    """Share of equal answers; None without answers."""
    if left is None or right is None:
        return None
    return sum(a == b for a, b in zip(left, right, strict=True)) / len(left)
