"""The components that are emitted by name from a configuration."""

import importlib
from pathlib import Path
from typing import Any

from dstc.errors import DstcError

from .cache import content_key, publish, source_files
from .emission import Emitted, Parameters, emit
from .tools import generator_versions

__all__ = ["UNITS", "emit_unit", "make_unit"]

UNITS = {
    "core": ("dstc_hdl.core", "Core"),
    "conv_core": ("dstc_hdl.conv.core", "ConvCore"),
    "accelerator": ("dstc_hdl.accelerator.top", "Accelerator"),
    "stream_core": ("dstc_hdl.stream_core", "StreamCore"),
    "dense_twin": ("dstc_hdl.twin.core", "DenseCore"),
    "structured_twin": ("dstc_hdl.twin.core", "StructuredCore"),
    "dense_twin_fused": ("dstc_hdl.twin.core", "FusedDenseCore"),
    "structured_twin_fused": ("dstc_hdl.twin.core", "FusedStructuredCore"),
}
"""Unit name to module and class.  Each class is made from a configuration alone: the accelerator
from an ``AcceleratorConfig``, the others from a ``Config``."""


def make_unit(unit: str, config: Parameters) -> Any:
    """The named unit as a component, not yet elaborated.

    Raises
    ------
    DstcError
        If there is no such unit.
    """
    if unit not in UNITS:
        raise DstcError(f"Unit must be one of {', '.join(UNITS)}, not {unit!r}")
    module, name = UNITS[unit]
    return getattr(importlib.import_module(module), name)(config)


def emit_unit(unit: str, config: Parameters) -> tuple[Emitted, Path]:
    """The Verilog of a named unit, from the cache when nothing that decides it has changed.

    Parameters
    ----------
    unit : str
        A key of :data:`UNITS`.
    config : Parameters
        What to generate, of the class that the unit is made from.

    Returns
    -------
    emitted : Emitted
    folder : Path
        Where the cache holds ``dstc_UNIT.v`` and ``dstc_UNIT.json``.

    Raises
    ------
    DstcError
        If there is no such unit.
    """
    if unit not in UNITS:
        raise DstcError(f"Unit must be one of {', '.join(UNITS)}, not {unit!r}")
    name = f"dstc_{unit}"
    sources = {**source_files(UNITS[unit][0]), **source_files(__name__)}
    key = content_key(unit, config.to_dict(), sources, generator_versions())

    def make(folder: Path) -> None:
        emit(make_unit(unit, config), name, config).write(folder)

    folder = publish("verilog", key, make)
    return Emitted.read(folder, name), folder
