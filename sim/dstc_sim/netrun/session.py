"""One run of a network: inputs, samples, checkpoint, report."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
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
from dstc.readers.arrays import read_npy

from .checkpoint import Checkpoint, run_key
from .network_run import LayerOutcome, NetworkRun, run_sample
from .report import accuracy, layer_rows, output_report
from .solver import Solver

__all__ = ["Session", "SessionOptions"]

Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class SessionOptions:
    """What ``dstc run`` was asked for; see its help."""

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
        model = load_model(path)
        inputs = graph_inputs(model)
        # The first dimension counts samples, as many at once as the model wants.
        at_once = {entry.name: entry.shape[0] if entry.shape and isinstance(entry.shape[0], int)
                   else 1 for entry in inputs}
        if options.input is not None:
            several = [dataclasses.replace(entry, shape=("samples", *entry.shape[1:]))
                       if entry.shape else entry for entry in inputs]
            feeds = read_inputs(options.input, several)
        else:
            shapes = resolve_shapes(inputs, parse_input_shapes(options.input_shapes, inputs))
            feeds = sample_inputs(fix_shapes(model, shapes), inputs, shapes, options.seed)
            at_once = {name: array.shape[0] if array.ndim else 1 for name, array in feeds.items()}
        self._feeds = list(_samples(feeds, at_once))[:options.samples]
        first = {name: array.shape for name, array in self._feeds[0].items()}
        self._model = fix_shapes(model, resolve_shapes(inputs, first))
        found = find_layers(self._model)
        self._skipped = found.skipped
        self._run = NetworkRun(self._model, network_steps(self._model, found.layers))
        self._labels = self._read_labels()
        self._tiles = self._chosen_tiles()

    @property
    def work(self) -> int:
        """Layers of all samples: what the progress bar counts."""
        return len(self._feeds) * len(self._run.layers)

    def prepare(self) -> None:
        """Compile what the engine needs."""
        self._solver.prepare()

    def run(self, advance: Callable[[int], None]) -> tuple[dict[str, Any], Tensors]:
        """Run all samples.

        Parameters
        ----------
        advance : callable
            Called with the number of layers just done.

        Returns
        -------
        report : dict
            What ``--json`` prints, without the seconds.
        outputs : dict of numpy.ndarray
            The network's outputs, samples one after the other.
        """
        checkpoint = self._checkpoint()
        whole = Recorder(self._model, self._run.outputs)
        samples: list[list[LayerOutcome]] = []
        core: list[Tensors] = []
        host: list[Tensors] = []
        for index, feeds in enumerate(self._feeds):
            done = checkpoint.sample(index)
            if done is None:
                done = self._run_sample(checkpoint, index, feeds, advance)
                checkpoint.keep_sample(index, *done)
            else:
                advance(len(self._run.layers))
            samples.append(done[0])
            core.append(done[1])
            host.append(whole.fetch(self._run.outputs, feeds))
        checkpoint.remove()
        outputs = {name: np.concatenate([np.atleast_1d(one[name]) for one in core])
                   for name in self._run.outputs}
        return self._report(samples, core, host), outputs

    def _run_sample(self, checkpoint: Checkpoint, index: int, feeds: Tensors,
                    advance: Callable[[int], None]) -> tuple[list[LayerOutcome], Tensors]:
        def resume(step: int) -> tuple[LayerOutcome, NDArray[Any]] | None:
            found = checkpoint.layer(index, step)
            if found is not None:
                advance(1)
            return found

        def keep(step: int, outcome: LayerOutcome, out: NDArray[Any]) -> None:
            checkpoint.keep_layer(index, step, outcome, out)
            advance(1)

        return run_sample(self._run, feeds, self._solver, rtl_tiles=self._tiles, resume=resume,
                          keep=keep)

    def _report(self, samples: list[list[LayerOutcome]], core: list[Tensors], host: list[Tensors]
                ) -> dict[str, Any]:
        rows = layer_rows(samples)
        cycles = [row["cycles"] for row in rows if row["cycles"] is not None]
        dense = sum(row["dense_cycles"] for row in rows)
        first = self._run.outputs[0]
        answers = [one[first] for one in core], [one[first] for one in host]
        labels = self._labels
        return {
            "model": Path(self._path).name, "engine": self._solver.engine,
            "config": self._solver.config.name, "samples": len(samples),
            "input": "made up" if self._options.input is None else "file", "layers": rows,
            "total": {"cycles": sum(cycles) if cycles else None, "dense_cycles": dense,
                      "speedup": dense / sum(cycles) if cycles and sum(cycles) else None,
                      "bit_exact": all(row["bit_exact"] for row in rows),
                      "within_bound": all(row["within_bound"] for row in rows)},
            "output": output_report(*answers),
            "accuracy": None if labels is None else {
                "core": accuracy(answers[0], labels), "onnxruntime": accuracy(answers[1], labels)},
            "skipped": [dataclasses.asdict(skipped) for skipped in self._skipped]}

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

    def _read_labels(self) -> NDArray[np.integer] | None:
        if self._options.labels is None:
            return None
        labels = read_npy(Path(self._options.labels))
        if labels.dtype.kind not in "iu" or labels.ndim != 1 or len(labels) < len(self._feeds):
            raise DstcError(f"Labels must be integers, one for each of {len(self._feeds)} samples, "
                            f"not {labels.dtype} of shape {labels.shape}")
        return labels[:len(self._feeds)]

    def _chosen_tiles(self) -> dict[str, int]:
        names = [layer.name for layer in self._run.layers]
        chosen = names if self._options.rtl_layers is None else self._options.rtl_layers
        unknown = [name for name in chosen if name not in names]
        if unknown:
            raise DstcError(f"Layer must be one of {', '.join(names)}, not {unknown[0]!r}")
        return dict.fromkeys(chosen, self._options.rtl_tiles)


def _samples(feeds: Mapping[str, NDArray[Any]], at_once: Mapping[str, int]) -> Iterator[Tensors]:
    """The inputs cut along their first dimension."""
    counts = {name: array.shape[0] / at_once[name] if array.ndim else None
              for name, array in feeds.items()}
    several = {count for count in counts.values() if count is not None}
    if len(several) > 1 or any(count < 1 or count != int(count) for count in several):
        shapes = ", ".join(f"{name} {array.shape}" for name, array in feeds.items())
        raise DstcError("Inputs must hold the same whole number of samples in their first "
                        f"dimension, not {shapes}")
    for n in range(int(several.pop()) if several else 1):
        yield {name: array if not array.ndim else np.ascontiguousarray(
            array[n * at_once[name]:(n + 1) * at_once[name]]) for name, array in feeds.items()}
