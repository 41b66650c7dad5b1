"""``dstc verilog``: generated components as files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .common import AsJson, ConfigName, print_json
from .top import DEFAULT_CORES, DEFAULT_PORT, Cores, Port

if TYPE_CHECKING:
    from dstc.accelerator.parameters import AcceleratorConfig
    from dstc.config import Config

__all__ = ["command"]

DEFAULT_ADDRESS_BITS = 40


def command(
    config: ConfigName = "paper",
    out: Annotated[Path, typer.Option(
        "--out", "-o", help="Folder for the files, made when missing.")] = Path("build/verilog"),
    unit: Annotated[str | None, typer.Option(
        help="Which component: core, stream_core, conv_core or accelerator; core when left out, "
             "accelerator with --bundle.", show_default=False)] = None,
    bundle: Annotated[bool, typer.Option(
        "--bundle", help="Write everything that somebody without Python needs: documents, C "
                         "header, test vectors and a bench that checks itself.")] = False,
    cores: Cores = None,
    port: Port = None,
    address_bits: Annotated[int | None, typer.Option(
        help=f"Of the accelerator: bits of an address, 32 to 48; {DEFAULT_ADDRESS_BITS} when left "
             "out.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sample product.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Write the Verilog of a configuration, its manifest, and a sample program with a bench.

    The folder gets dstc_UNIT.v and dstc_UNIT.json, and for core and stream_core a plain Verilog
    bench with the inputs of a sparse product in hexadecimal and the expected output:

      iverilog -g2005 -o run bench.v dstc_core.v && ./run && diff d.hex expected.hex

    With --bundle it gets everything for an engineer without Python: register map, C header, test
    vectors, README.txt, and a bench that runs with Icarus Verilog alone:

      sh run.sh

    Examples:

      dstc verilog --config small

      dstc verilog --config paper -o build/paper --json

      dstc verilog --bundle --config small --cores 2 --port 64 -o build/bundle
    """
    from dstc.config import get_config
    from dstc.errors import DstcError
    from dstc_hdl.emit import emit_unit

    chosen = unit or ("accelerator" if bundle else "core")
    target = _parameters(chosen, get_config(config),
                         {"cores": cores, "port": port, "address-bits": address_bits})
    if out.exists() and not out.is_dir():
        raise DstcError(f"Output must be a folder, not the file {out}")
    if bundle:
        from ..bundle import write_bundle

        emitted, files = write_bundle(out, chosen, target, seed)
    else:
        emitted, _ = emit_unit(chosen, target)
        files = list(emitted.write(out))
        if chosen in ("core", "stream_core"):
            from ..sample import write_sample

            files += write_sample(out, emitted, get_config(config), seed)
    report = {"config": target.name, "unit": chosen, "top": emitted.name,
              "sha256": emitted.sha256, "modules": emitted.manifest["modules"],
              "lines": emitted.verilog.count("\n"), "tools": emitted.manifest["tools"],
              "files": [str(path) for path in files]}
    if as_json:
        print_json(report)
        return
    print(f"{target.name}: module {emitted.name}, {report['lines']} lines, "
          f"{report['modules']} modules, sha256 {emitted.sha256[:16]}")
    for path in files:
        print(f"  {path}")


def _parameters(unit: str, config: "Config", options: dict[str, int | None]
                ) -> "Config | AcceleratorConfig":
    """What the unit is made from; options of the accelerator are refused for others."""
    from dstc.accelerator.parameters import AcceleratorConfig
    from dstc.errors import DstcError

    if unit != "accelerator":
        for name, value in options.items():
            if value is not None:
                raise DstcError(f"Option --{name} must be given with --unit accelerator, "
                                f"not {unit}")
        return config
    defaults = (DEFAULT_CORES, DEFAULT_PORT, DEFAULT_ADDRESS_BITS)
    cores, port, bits = (default if value is None else value
                         for value, default in zip(options.values(), defaults, strict=True))
    return AcceleratorConfig(core=config, cores=cores, data_bits=port, address_bits=bits)
