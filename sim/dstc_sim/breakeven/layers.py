"""Layers of networks as points of the map."""

import json
from pathlib import Path
from typing import Any

from dstc.config import Config
from dstc.errors import DstcError
from dstc.network import read_trace

from ..network import Source, profile_works

__all__ = ["read_layers"]


def read_layers(path: str, config: Config) -> list[dict[str, Any]]:
    """Densities and speedups of the layers in a file.

    Parameters
    ----------
    path : str
        What ``dstc profile --json`` printed; a trace of masks, ``*.npz``, which is profiled now;
        or docs/results/convolution.json, measured on the Verilog.
    config : Config
        Of the map.  The profile must be of the same.

    Returns
    -------
    list of dict
        ``network``, ``name``, ``a`` and ``b`` (densities), ``speedup`` over the dense core, and
        ``counted``: how it was found.

    Raises
    ------
    DstcError
        If the file is none of these, or is about another configuration.
    OSError
        If there is no such file.
    """
    if path.lower().endswith(".npz"):
        report = profile_works(read_trace(path), config, Source(file=Path(path).name, kind="trace"))
    else:
        try:
            report = json.loads(Path(path).read_text(encoding="utf-8"))
        except ValueError as error:
            raise DstcError(f"Layers in {path} must be JSON, or a trace *.npz: {error}") from None
    try:
        name = report["config"]["name"]
        found = ([_measured(row) for row in report["rows"]] if "rows" in report else
                 [_profiled(report["file"], row) for row in report["layers"]])
    except (KeyError, TypeError, AttributeError, ZeroDivisionError):
        raise DstcError(f"Layers in {path} must be what dstc profile --json prints, or "
                        "docs/results/convolution.json, not something else") from None
    if name != config.name:
        raise DstcError(f"Layers in {path} must be of configuration {config.name}, not {name}")
    return found


def _profiled(network: str, row: dict[str, Any]) -> dict[str, Any]:
    dual = row["ohmma"]["dual"]
    return _layer(network, row["name"], row["density"]["a"], row["density"]["b"],
                  row["ohmma"]["dense"] / dual if dual else None, "OHMMA by the skip rule")


def _measured(row: dict[str, Any]) -> dict[str, Any]:
    return _layer(row["network"], row["layer"], row["density_x"], row["density_w"],
                  row["dense_cycles"] / row["ready_cycles"],
                  "cycles of the Verilog, operands present")


def _layer(network: Any, name: Any, a: Any, b: Any, speedup: Any, counted: str) -> dict[str, Any]:
    return {"network": str(network), "name": str(name), "a": float(a), "b": float(b),
            "speedup": None if speedup is None else float(speedup), "counted": counted}
