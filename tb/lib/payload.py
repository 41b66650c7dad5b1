"""Payloads as integers and as plain Python values, by the layouts of the components themselves."""

from typing import Any

from amaranth.hdl import Shape
from amaranth.lib import data

__all__ = ["pack", "port_shapes", "unpack", "width_of"]


def port_shapes(component: Any) -> dict[str, Any]:
    """The shape of every port of a component, by its name in the Verilog."""
    return {"__".join(map(str, path)): member.shape
            for path, member, _ in component.signature.flatten(component)}


def width_of(shape: Any) -> int:
    """Bits of a shape."""
    return Shape.cast(shape).width


def pack(shape: Any, value: Any) -> int:
    """The integer that carries a value; integers pass, dictionaries and lists follow the layout.

    Fields that a dictionary leaves out are zero.
    """
    if isinstance(value, int):
        return value
    items = value.items() if isinstance(value, dict) else enumerate(value)
    word = 0
    for key, part in items:
        field = shape[key]
        bits = pack(field.shape, part)
        if not 0 <= bits < 1 << field.width:
            raise ValueError(f"Field {key} must fit {field.width} bits, not {bits}")
        word |= bits << field.offset
    return word


def unpack(shape: Any, word: int) -> Any:
    """The value that an integer carries: an integer, a dictionary or a list."""
    if isinstance(shape, data.StructLayout):
        return {key: _field(field, word) for key, field in shape}
    if isinstance(shape, data.ArrayLayout):
        return [_field(field, word) for _, field in shape]
    return word


def _field(field: data.Field, word: int) -> Any:
    return unpack(field.shape, word >> field.offset & (1 << field.width) - 1)
