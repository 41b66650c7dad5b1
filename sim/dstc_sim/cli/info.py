"""``dstc info``: what a file or a configuration is."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import AsJson, print_json

if TYPE_CHECKING:
    from dstc.config import Config

__all__ = ["command"]


def command(
    thing: Annotated[str | None, typer.Argument(
        metavar="FILE|CONFIG", show_default=False,
        help="A container, a matrix file or the name of a configuration; all configurations "
             "when absent.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a container, a matrix file or a configuration is.

    Examples:

      dstc info

      dstc info paper

      dstc info weights.dstc --json
    """
    from pathlib import Path

    from dstc.config import CONFIGS
    from dstc.errors import DstcError

    if thing is None:
        reports = {name: _configuration(config) for name, config in CONFIGS.items()}
        if as_json:
            print_json({"configurations": reports})
        else:
            _print_table([{"configuration": name, **_summary(report)}
                          for name, report in reports.items()])
        return
    if thing in CONFIGS:
        report = _configuration(CONFIGS[thing])
    elif not Path(thing.rpartition(":")[0] or thing).exists() and not Path(thing).exists():
        raise DstcError("Input must be an existing file or one of the configurations "
                        f"{', '.join(CONFIGS)}, not {thing!r}")
    else:
        report = _container(thing) if thing.lower().endswith(".dstc") else _matrix(thing)
    if as_json:
        print_json(report)
    else:
        _print_table([{"": key.replace("_", " "), " ": _shown(value)}
                      for key, value in report.items()])


def _configuration(config: "Config") -> dict[str, Any]:
    return {
        "kind": "configuration", **config.to_dict(), "multipliers": config.multipliers,
        "accumulator": config.format.acc_name,
        "dense_ohmma_per_tile": config.dense_ohmma_per_tile,
        "a_beat_bits": config.a_beat_bits, "b_beat_bits": config.b_beat_bits,
        "c_beat_bits": config.c_beat_bits,
    }


def _summary(report: dict[str, Any]) -> dict[str, Any]:
    return {"status": report["status"],
            "warp tile": "x".join(str(report[f"tile_{side}"]) for side in "mnk"),
            "array": f"{report['array_rows']}x{report['array_cols']}",
            "numbers": f"{report['element']} -> {report['accumulator']}"}


def _container(path: str) -> dict[str, Any]:
    from dstc.config import CONFIGS
    from dstc.formats import load

    encoded = load(path)
    fitting = [name for name, config in CONFIGS.items()
               if (config.element, config.tile_k) == (encoded.element, encoded.tile_k)
               and encoded.tile_outer == (config.tile_m if encoded.side == "A"
                                          else config.tile_n)]
    return {
        "kind": "container", "file": path, "side": encoded.side, "element": encoded.element,
        "shape": list(encoded.shape), "tile": [encoded.tile_outer, encoded.tile_k],
        "tiles": [encoded.outer_tiles, encoded.k_tiles],
        "empty_tiles": int((encoded.offsets[1:] == encoded.offsets[:-1]).sum()),
        "nnz": encoded.nnz, "density": encoded.density, "bytes": encoded.nbytes,
        "configurations": fitting,
    }


def _matrix(path: str) -> dict[str, Any]:
    import numpy as np

    from dstc.readers import read_matrix

    matrix = read_matrix(path)
    nnz = int(np.count_nonzero(matrix))
    finite = matrix[np.isfinite(matrix)]
    return {
        "kind": "matrix", "file": path, "shape": list(matrix.shape), "type": matrix.dtype.name,
        "nnz": nnz, "density": nnz / matrix.size,
        "min": finite.min().item() if finite.size else None,
        "max": finite.max().item() if finite.size else None,
        "not_finite": int(matrix.size - finite.size),
    }


def _shown(value: Any) -> str:
    if isinstance(value, list):
        separator = ", " if value and isinstance(value[0], str) else " x "
        return separator.join(map(str, value)) or "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=any(name.strip() for name in rows[0]), box=None)
    for name in rows[0]:
        table.add_column(name)
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console(soft_wrap=True, markup=False).print(table)
