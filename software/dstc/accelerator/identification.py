"""What the read-only registers say about a device."""

from ..elements import ELEMENTS
from .parameters import VERSION, AcceleratorConfig
from .registers import IDENTIFICATION, register

__all__ = ["identification_values"]


def identification_values(acc: AcceleratorConfig) -> dict[str, int]:
    """Name and value of each register that never changes: ``ID`` to ``CONVOLUTION``.

    The hardware answers with them, the driver knows a device by them.
    """
    core = acc.core
    major, minor = VERSION
    return {
        "ID": IDENTIFICATION,
        "VERSION": _value("VERSION", major=major, minor=minor),
        "CONFIG_ID": acc.config_id,
        "TILE": _value("TILE", m=core.tile_m, n=core.tile_n, k=core.tile_k),
        "ARRAY": _value("ARRAY", rows=core.array_rows, cols=core.array_cols, slots=core.slots,
                        element=list(ELEMENTS).index(core.element)),
        "SYSTEM": _value("SYSTEM", cores=acc.cores, data_bytes=acc.data_bytes,
                         address_bits=acc.address_bits),
        "CONVOLUTION": _value("CONVOLUTION", window_tiles=core.window_tiles,
                              window_spans=core.window_spans),
    }


def _value(name: str, **fields: int) -> int:
    positions = {field.name: field.lsb for field in register(name).fields}
    return sum(value << positions[field] for field, value in fields.items())
