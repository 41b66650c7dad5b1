"""``dstc verilog``: the generated core as files."""

from pathlib import Path
from typing import Annotated

import typer

from .common import AsJson, ConfigName, print_json

__all__ = ["command"]


def command(
    config: ConfigName = "paper",
    out: Annotated[Path, typer.Option(
        "--out", "-o", help="Folder for the files, made when missing.")] = Path("build/verilog"),
    unit: Annotated[str, typer.Option(help="Which component.")] = "core",
    seed: Annotated[int, typer.Option(help="Seed of the sample product.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Write the Verilog of a configuration, its manifest, and a sample program with a bench.

    The folder gets dstc_core.v, dstc_core.json, and for the core a plain Verilog bench with the
    inputs of a sparse product in hexadecimal and the expected output:

      iverilog -g2005 -o run bench.v dstc_core.v && ./run && diff d.hex expected.hex

    Examples:

      dstc verilog --config small

      dstc verilog --config paper -o build/paper --json
    """
    from dstc.config import get_config
    from dstc.errors import DstcError
    from dstc_hdl.emit import emit_unit

    target = get_config(config)
    if out.exists() and not out.is_dir():
        raise DstcError(f"Output must be a folder, not the file {out}")
    emitted, _ = emit_unit(unit, target)
    files = list(emitted.write(out))
    if unit == "core":
        from ..sample import write_sample

        files += write_sample(out, emitted, target, seed)
    report = {"config": target.name, "unit": unit, "top": emitted.name,
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
