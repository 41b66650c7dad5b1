"""One component as a Verilog file and its manifest."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from amaranth.lib import wiring

from dstc.errors import DstcError
from dstc.fileio import atomic_write

from .manifest import component_latencies, component_ports
from .tools import generator_versions
from .verilog import component_rtlil, rtlil_to_verilog

__all__ = ["POWER_UP", "Emitted", "Parameters", "emit"]

POWER_UP = ("Registers and memories carry initial values, which FPGAs and simulators honour and "
            "ASICs do not. rst is synchronous and active high; one cycle of it sets the state that "
            "decides anything, but neither memories nor pipeline registers of data. What happens "
            "after rst does not depend on initial values: the benches also start with all of them "
            "unknown (Icarus) and random (Verilator).")


class Parameters(Protocol):
    """What a component is generated from, such as :class:`dstc.config.Config`."""

    @property
    def name(self) -> str:
        """Shown in the header of the text."""

    def to_dict(self) -> dict[str, Any]:
        """Every parameter by name, in a form that JSON takes; a value may be such a mapping."""


@dataclass(frozen=True)
class Emitted:
    """Verilog text and what is known about it.

    Attributes
    ----------
    name : str
        Top module, and the stem of the files.
    verilog : str
        Verilog-2001 text.
    manifest : dict
        ``top``, ``component``, ``config``, ``ports``, ``latencies``, ``modules``, ``tools``,
        ``verilog`` (file name and sha256) and ``power_up``.
    """

    name: str
    verilog: str
    manifest: dict[str, Any]

    @property
    def sha256(self) -> str:
        """Hash of the Verilog text."""
        return str(self.manifest["verilog"]["sha256"])

    def ports(self, direction: str | None = None) -> list[dict[str, Any]]:
        """The manifest's ports, all or of one direction (``input``, ``output``)."""
        return [port for port in self.manifest["ports"]
                if direction in (None, port["direction"])]

    def manifest_text(self) -> str:
        """The manifest as it is written."""
        return json.dumps(self.manifest, indent=2) + "\n"

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write ``NAME.v`` and ``NAME.json``; gives their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = folder / f"{self.name}.v", folder / f"{self.name}.json"
        for path, text in zip(paths, (self.verilog, self.manifest_text()), strict=True):
            with atomic_write(path) as file:
                file.write(text.encode())
        return paths

    @classmethod
    def read(cls, folder: Path, name: str) -> "Emitted":
        """What :meth:`write` wrote.

        Raises
        ------
        DstcError
            If the Verilog is not the one that the manifest describes.
        """
        verilog = (folder / f"{name}.v").read_text(encoding="utf-8")
        manifest = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        if hashlib.sha256(verilog.encode()).hexdigest() != manifest["verilog"]["sha256"]:
            raise DstcError(f"Verilog in {folder / f'{name}.v'} must be the one of its manifest, "
                            "not a changed file")
        return cls(name, verilog, manifest)


def emit(component: wiring.Component, name: str, config: Parameters | None = None) -> Emitted:
    """Elaborate a component and give its Verilog.

    The same component gives the same bytes, in any process and on any machine, as long as the
    versions in the manifest are the same.

    Parameters
    ----------
    component : Component
        Its signature gives the ports; ``latency`` and ``*_latency`` properties go into the
        manifest.
    name : str
        Top module and stem of the files, a plain Verilog identifier.
    config : Parameters, optional
        Told in the header and the manifest.

    Raises
    ------
    DstcError
        If the name is not a plain identifier.
    EmissionError
        If Yosys fails.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise DstcError("Verilog module name must be letters, digits and '_', not starting with "
                        f"a digit, not {name!r}")
    modules = component_rtlil(component, name)
    ports = component_ports(component, [item.name[1:] for item in modules[0].items
                                        if item.is_port])
    tools = generator_versions()
    verilog = _header(name, config, tools) + rtlil_to_verilog(modules)
    return Emitted(name, verilog, {
        "top": name,
        "component": type(component).__name__,
        "config": config.to_dict() if config else None,
        "ports": ports,
        "latencies": component_latencies(component),
        "modules": len(modules),
        "tools": tools,
        "verilog": {"file": f"{name}.v",
                    "sha256": hashlib.sha256(verilog.encode()).hexdigest()},
        "power_up": POWER_UP,
    })


def _header(name: str, config: Parameters | None, tools: dict[str, str]) -> str:
    lines = [f"{name}: generated by " + ", ".join(f"{tool} {tools[tool]}" for tool in tools)]
    if config:
        lines.append(f"configuration {config.name}:")
        lines += [f"  {key} = {value}" for key, value in _flat(config.to_dict()) if key != "name"]
    comment = "".join(f"// {line}\n" for line in lines)
    return f"{comment}\n`timescale 1ns / 1ps\n\n"


def _flat(parameters: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Names and values, those of inner mappings as ``outer.inner``."""
    for key, value in parameters.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
