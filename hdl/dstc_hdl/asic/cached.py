"""Area and clock of a core alone, kept by what decides them, so that one can ask what is known."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from dstc.config import Config
from dstc.errors import DstcError

from ..emit import build_folder, content_key, emit_unit, publish
from ..emit.cache import source_files
from ..emit.tools import generator_versions
from .library import find_library
from .report import design_report
from .synthesis import synthesize
from .tools import tool_versions

__all__ = ["core_area", "find_core_area"]

KIND = "core-area"


def find_core_area(config: Config, target: str) -> dict[str, Any] | None:
    """What :func:`core_area` gives, if it is known; nothing is synthesised.

    None too where library or tools are missing, for nothing that is kept can be theirs.
    """
    try:
        place = build_folder() / "cache" / KIND / _key(config, target)
    except DstcError:
        return None
    return _read(place) if place.is_dir() else None


def core_area(config: Config, target: str) -> dict[str, Any]:
    """Area and clock of the core, synthesised now unless they are known.

    Returns
    -------
    dict
        ``area_um2``, ``without_operand_buffers_um2``, ``kge`` and ``fmax_mhz``, None without
        OpenSTA; as ``dstc area`` tells them.

    Raises
    ------
    DstcError
        If library or tool is missing, or a tool fails.
    """
    def make(folder: Path) -> None:
        library = find_library(target)
        design = design_report(synthesize(emit_unit("core", config)[0], library), library)
        (folder / "area.json").write_text(json.dumps({
            "area_um2": design["area_um2"],
            "without_operand_buffers_um2": design["without_operand_buffers"]["area_um2"],
            "kge": design["kge"], "fmax_mhz": design["fmax_mhz"]}))

    return _read(publish(KIND, _key(config, target), make))


def _key(config: Config, target: str) -> str:
    """A hash of parameters, sources, library and tools, quick to find: no Verilog is made."""
    chosen = {key: value for key, value in config.to_dict().items()
              if key not in ("name", "status")}
    return content_key(chosen, *_makers(target))


@cache
def _makers(target: str) -> tuple[Any, ...]:
    return (source_files("dstc_hdl.core"), source_files(__name__), generator_versions(),
            tool_versions(find_library(target)))


def _read(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place / "area.json").read_text(encoding="utf-8"))
    return found
