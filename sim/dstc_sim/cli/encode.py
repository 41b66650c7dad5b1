"""``dstc encode``: a matrix file to a container."""

from pathlib import Path
from typing import Annotated

import typer

from .common import AsJson, ConfigName, print_json, require_ending

__all__ = ["command"]


def command(
    matrix: Annotated[str, typer.Argument(
        metavar="FILE", show_default=False,
        help="Matrix: .npy, .npz (one array of several: FILE.npz:NAME), .smtx, .mtx, .mtx.gz "
             "or a container.")],
    side: Annotated[str, typer.Option(
        help="A for the left operand (M x K), B for the right one (K x N).", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Container to write, *.dstc.",
                                      show_default=False)],
    config: ConfigName = "paper",
    as_json: AsJson = False,
) -> None:
    """Encode a matrix as bitmaps and condensed values (docs/format.md).

    Values that the configuration's element format cannot hold are rounded to nearest, ties to
    even, and counted.

    Examples:

      dstc encode weights.npy --side A -o weights.dstc

      dstc encode mask.smtx --side A --config paper-int8 -o mask.dstc --json
    """
    from dstc.config import get_config
    from dstc.formats import encode, save
    from dstc.numerics import to_element
    from dstc.readers import read_matrix

    target = get_config(config)
    require_ending(out, ".dstc")
    values, rounded = to_element(read_matrix(matrix), target.element)
    encoded = encode(values, side, target)
    save(out, encoded)
    report = {
        "file": matrix, "out": str(out), "config": target.name, "side": side,
        "element": target.element, "shape": list(encoded.shape),
        "tiles": [encoded.outer_tiles, encoded.k_tiles], "nnz": encoded.nnz,
        "density": encoded.density, "rounded": rounded, "bytes": out.stat().st_size,
        "dense_bytes": values.nbytes,
    }
    if as_json:
        print_json(report)
        return
    rows, columns = encoded.shape
    print(f"{out}: {rows} x {columns} {target.element}, side {side}, "
          f"density {encoded.density:.4f}, {report['bytes']} bytes ({values.nbytes} dense)")
    if rounded:
        print(f"{rounded} of {values.size} values were rounded to {target.element}")
