"""Which accelerator a bus leads to, by its registers alone."""

from collections.abc import Iterator
from itertools import product

from ..accelerator.parameters import VERSION, AcceleratorConfig
from ..accelerator.registers import IDENTIFICATION, register
from ..config import CONFIGS, Config
from ..elements import ELEMENTS
from ..errors import DstcError
from .bus import Bus

__all__ = ["identify", "register_fields"]

COLLECTOR_ENTRIES = range(2, 17)
ADDER_LATENCIES = range(1, 5)


def register_fields(bus: Bus, name: str) -> dict[str, int]:
    """The fields of a register, read at once."""
    spec = register(name)
    value = bus.read32(spec.offset)
    return {field.name: value >> field.lsb & (1 << field.width) - 1 for field in spec.fields}


def identify(bus: Bus, config: Config | None = None) -> AcceleratorConfig:
    """The accelerator.

    Parameters
    ----------
    bus : Bus
    config : Config, optional
        Its cores, if they are neither a named configuration nor one that the registers tell.

    Raises
    ------
    DstcError
        If there is no device of a version that this driver knows, or its configuration is
        unknown or not ``config``.
    """
    found = bus.read32(register("ID").offset)
    if found != IDENTIFICATION:
        raise DstcError(f"Register ID must be {IDENTIFICATION:#010x}, not {found:#010x}")
    version = register_fields(bus, "VERSION")
    if version["major"] != VERSION[0]:
        raise DstcError(f"Version of the device must be {VERSION[0]}.x for this driver, "
                        f"not {version['major']}.{version['minor']}")
    system = register_fields(bus, "SYSTEM")
    wanted = bus.read32(register("CONFIG_ID").offset)
    known = [config] if config else [*CONFIGS.values(), *_described(bus)]
    for core in known:
        accelerator = AcceleratorConfig(core=core, cores=system["cores"],
                                        data_bits=8 * system["data_bytes"],
                                        address_bits=system["address_bits"])
        if accelerator.config_id == wanted:
            return accelerator
    names = config.name if config else f"a named one ({', '.join(CONFIGS)}) or given"
    raise DstcError(f"Configuration of the device must be {names}, not another with CONFIG_ID "
                    f"{wanted:#010x}")


def _described(bus: Bus) -> Iterator[Config]:
    """Configurations that have all that the registers tell."""
    tile, array = register_fields(bus, "TILE"), register_fields(bus, "ARRAY")
    windows = register_fields(bus, "CONVOLUTION")
    elements = list(ELEMENTS)
    if array["element"] >= len(elements):
        return
    for entries, latency in product(COLLECTOR_ENTRIES, ADDER_LATENCIES):
        try:
            core = Config(name="device", tile_m=tile["m"], tile_n=tile["n"], tile_k=tile["k"],
                          array_rows=array["rows"], array_cols=array["cols"],
                          slots=array["slots"], element=elements[array["element"]],
                          window_tiles=windows["window_tiles"],
                          window_spans=windows["window_spans"], collector_entries=entries,
                          adder_latency=latency)
            core.require_convolution()
        except DstcError:
            return
        yield core
