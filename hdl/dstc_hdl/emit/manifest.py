"""The JSON manifest that goes with emitted Verilog."""

from collections.abc import Iterator
from typing import Any

from amaranth.hdl import Shape
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Signature

__all__ = ["component_latencies", "component_ports"]


def component_ports(component: wiring.Component, top_ports: list[str]) -> list[dict[str, Any]]:
    """Every port: name, direction, width, role, and the fields of a structured one.

    Parameters
    ----------
    component : Component
        Gives the signature.
    top_ports : list of str
        The ports that the Verilog has, in its order.

    Returns
    -------
    list of dict
        ``role`` is ``clock``, ``reset``, ``plain`` or ``stream``; a stream's ports also have
        ``stream`` (its name), ``flow`` (``in`` or ``out`` of the data) and ``part``
        (``payload``, ``valid`` or ``ready``).  ``fields`` gives offset and width, least
        significant first.
    """
    known = {"clk": _port("clk", "input", 1, role="clock"),
             "rst": _port("rst", "input", 1, role="reset")}
    known.update((port["name"], port) for port in _members(component.signature, ()))
    return [known[name] for name in top_ports]


def component_latencies(component: wiring.Component) -> dict[str, int]:
    """The cycles that a component states by its properties ``latency`` and ``*_latency``."""
    names = (name for name in dir(type(component))
             if (name == "latency" or name.endswith("_latency")) and not name.startswith("_"))
    values = {name: getattr(component, name) for name in names}
    return {name: value for name, value in values.items() if isinstance(value, int)}


def _members(signature: Signature, path: tuple[str, ...],
             role: dict[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """The ports below a signature; Amaranth has already turned the flows of inner ones."""
    for name, member in signature.members.items():
        flow = "in" if member.flow == In else "out"
        for index in _indices(member.dimensions):
            inner = (*path, name, *index)
            if member.is_port:
                facts = {**role, "part": name} if role else {"role": "plain"}
                yield _port("__".join(inner), f"{flow}put", Shape.cast(member.shape).width,
                            shape=member.shape, **facts)
            elif isinstance(member.signature, stream.Signature):
                facts = {"role": "stream", "stream": "__".join(inner), "flow": flow}
                yield from _members(member.signature, inner, facts)
            else:
                yield from _members(member.signature, inner)


def _indices(dimensions: tuple[int, ...]) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [()]
    for size in dimensions:
        found = [(*index, str(n)) for index in found for n in range(size)]
    return found


def _port(name: str, direction: str, width: int, shape: Any = None, **facts: str) -> dict[str, Any]:
    port: dict[str, Any] = {"name": name, "direction": direction, "width": width, **facts}
    if isinstance(shape, data.Layout):
        port["fields"] = [{"name": str(key), "offset": field.offset, "width": field.width}
                          for key, field in shape]
    return port
