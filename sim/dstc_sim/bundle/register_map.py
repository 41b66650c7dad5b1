"""The register map in a form for other tools."""

from typing import Any

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.accelerator.registers import REGISTERS, SPACE_BYTES, all_counters

__all__ = ["register_map"]


def register_map(accelerator: AcceleratorConfig) -> dict[str, Any]:
    """Every register of a device with its fields, in a form that JSON takes.

    A register without fields is one value.  The counters of cores that the device does not have
    are left out.
    """
    registers: list[dict[str, Any]] = [
        {"name": each.name, "offset": each.offset, "access": each.access, "reset": each.reset,
         "meaning": each.meaning,
         "fields": [{"name": field.name, "lsb": field.lsb, "width": field.width,
                     "meaning": field.meaning} for field in each.fields]}
        for each in REGISTERS]
    registers += [
        {"name": f"CORE{core}_{name.upper()}_{half}", "offset": offset + step, "access": "ro",
         "reset": 0, "meaning": f"counter {name} of core {core}, bits {bits}", "fields": []}
        for core, name, offset in all_counters() if core < accelerator.cores
        for half, step, bits in (("LO", 0, "31:0"), ("HI", 4, "63:32"))]
    return {"device": accelerator.name, "config_id": accelerator.config_id,
            "data_width": 32, "space_bytes": SPACE_BYTES, "registers": registers}
