"""Areas of configurations, from synthesis runs that are done, or from new ones."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dstc
from dstc.config import CONFIGS, Config
from dstc.errors import DstcError
from dstc_hdl.asic.cached import core_area, find_core_area

from .task import parameters

__all__ = ["AREAS", "area_of"]

AREAS = ("cached", "synthesise", "none")
"""Where areas come from: what is there, new runs for what is not, or nowhere."""

COMMITTED = Path(dstc.__file__).resolve().parents[2] / "docs/results/area.json"


def area_of(config: Config, target: str, source: str, step: Callable[[str], None]
            ) -> dict[str, Any] | None:
    """Area and clock of a core.

    Parameters
    ----------
    config : Config
    target : str
        Key of :data:`dstc_hdl.asic.library.TARGETS`.
    source : str
        One of :data:`AREAS`.
    step : callable
        Told what is synthesised.

    Returns
    -------
    dict or None
        ``area_um2``, ``without_operand_buffers_um2``, ``kge``, ``fmax_mhz`` (None without
        OpenSTA) and ``source``: ``synthesis``, or ``docs/results/area.json`` for the figures of a
        named configuration.  None if nothing is known.

    Raises
    ------
    DstcError
        If a tool is missing or fails.
    """
    if source == "none":
        return None
    found = find_core_area(config, target)
    if found is None and source == "synthesise":
        step(config.name)
        found = core_area(config, target)
    if found is not None:
        return {**found, "source": "synthesis"}
    return _committed(config, target)


def _committed(config: Config, target: str) -> dict[str, Any] | None:
    """What docs/results/area.json says; the installed package does not have it."""
    known = [each.name for each in CONFIGS.values() if parameters(each) == parameters(config)]
    try:
        reports = json.loads(COMMITTED.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise DstcError(f"Areas in {COMMITTED} must be valid JSON: {error}") from None
    for name in known:
        if name in reports and reports[name]["target"] == target:
            report = reports[name]
            return {"area_um2": report["area_um2"],
                    "without_operand_buffers_um2": report["without_operand_buffers"]["area_um2"],
                    "kge": report["kge"], "fmax_mhz": report["fmax_mhz"],
                    "source": "docs/results/area.json"}
    return None
