"""Workloads from files: the layers of a network or of a trace, or two matrices."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dstc.errors import DstcError
from dstc.network import (
    capture,
    find_layers,
    fix_shapes,
    graph_inputs,
    layer_work,
    load_model,
    read_inputs,
    read_trace,
    resolve_shapes,
)
from dstc.readers import read_matrix

from .workload import Workload, pack_masks

__all__ = ["file_workloads"]


def file_workloads(entry: Mapping[str, Any], folder: Path) -> list[Workload]:
    """The workloads of a ``trace``, of a ``network`` with an ``input`` (each of its ``layers``,
    all if left out), or of ``a`` and ``b``.

    Raises
    ------
    DstcError
        If a file cannot be read, lacks a layer, or the matrices do not fit.
    """
    layers = entry.get("layers")
    wanted = layers if layers is None or isinstance(layers, list) else [layers]
    if "trace" in entry:
        path = folder / str(entry["trace"])
        works = {work.name: work for work in read_trace(path)}
        return [pack_masks(f"{path.stem} {name}", works[name].products())
                for name in _chosen(list(works), wanted, "trace")]
    if "network" in entry:
        if "input" not in entry:
            raise DstcError(f"Network {entry['network']} must be given with an input, not without "
                            "one")
        return list(_network(folder / str(entry["network"]), folder / str(entry["input"]), wanted))
    if "b" not in entry:
        raise DstcError(f"Files must be given for A and B, not only {entry['a']}")
    a, b = (read_matrix(folder / str(entry[side])) for side in "ab")
    if a.shape[1] != b.shape[0]:
        raise DstcError(f"Columns of A must be as many as the {b.shape[0]} rows of B, "
                        f"not {a.shape[1]}")
    return [pack_masks(" ".join(Path(str(entry[side])).name for side in "ab"), [(a, b)])]


def _chosen(names: Sequence[str], wanted: list[Any] | None, thing: str) -> list[str]:
    for name in wanted or ():
        if name not in names:
            raise DstcError(f"Layer must be one of the {thing}'s {', '.join(names)}, not {name!r}")
    return list(names) if wanted is None else wanted


def _network(path: Path, fed: Path, wanted: list[Any] | None) -> Iterator[Workload]:
    """The layers of a model, with what enters them when it runs on an input."""
    model = load_model(path)
    inputs = graph_inputs(model)
    feeds = read_inputs(fed, inputs)
    model = fix_shapes(model, resolve_shapes(
        inputs, {name: array.shape for name, array in feeds.items()}))
    layers = {layer.name: layer for layer in find_layers(model).layers}
    chosen = [layers[name] for name in _chosen(list(layers), wanted, "network")]
    for layer, masks in capture(model, chosen, feeds, keep=lambda x: x != 0):
        yield pack_masks(f"{path.stem} {layer.name}", layer_work(layer, masks).products())
