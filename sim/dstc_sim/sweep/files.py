"""Workloads from files: the layers of a trace, or two matrices."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dstc.errors import DstcError
from dstc.network import read_trace
from dstc.readers import read_matrix

from .workload import Workload, pack_masks

__all__ = ["file_workloads"]


def file_workloads(entry: Mapping[str, Any], folder: Path) -> list[Workload]:
    """The workloads of a ``trace`` (each of its ``layers``, all if left out) or of ``a`` and ``b``.

    Raises
    ------
    DstcError
        If a file cannot be read, lacks a layer, or the matrices do not fit.
    """
    if "trace" in entry:
        return _layers(folder / str(entry["trace"]), entry.get("layers"))
    if "b" not in entry:
        raise DstcError(f"Files must be given for A and B, not only {entry['a']}")
    a, b = (read_matrix(folder / str(entry[side])) for side in "ab")
    if a.shape[1] != b.shape[0]:
        raise DstcError(f"Columns of A must be as many as the {b.shape[0]} rows of B, "
                        f"not {a.shape[1]}")
    name = " ".join(Path(str(entry[side])).name for side in "ab")
    return [pack_masks(name, [(a, b)])]


def _layers(path: Path, wanted: Any) -> list[Workload]:
    works = {work.name: work for work in read_trace(path)}
    names = list(works) if wanted is None else wanted if isinstance(wanted, list) else [wanted]
    for name in names:
        if name not in works:
            raise DstcError(f"Layer must be one of the trace's {', '.join(works)}, not {name!r}")
    return [pack_masks(f"{path.stem} {name}", works[name].products()) for name in names]
