"""The folder that a run leaves behind."""

import io
import os
from pathlib import Path

import numpy as np

from .page import render
from .picture import draw
from .run import Run, Subject

__all__ = ["write"]


def write(out: Path, run: Run, subject: Subject) -> Path:
    """Write the report of a run.

    Everything is made before the first file is touched and each file replaces its predecessor
    in one step, so a failure leaves what was there.  Other files in the folder stay.

    Parameters
    ----------
    out : Path
        Folder, made when missing: the Verilog and its manifest (under their own names),
        ``matrices.npz`` (a, b, c, d), ``picture.png`` and ``index.html``.

    Returns
    -------
    Path
        The page.
    """
    picture = draw(run)
    files = {
        run.verilog.name: run.verilog.read_bytes(),
        run.manifest.name: run.manifest.read_bytes(),
        "matrices.npz": _archive(run),
        "picture.png": picture,
        "index.html": render(run, subject, picture).encode(),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        part = out / f".{name}.part"
        try:
            part.write_bytes(content)
            os.replace(part, out / name)
        finally:
            part.unlink(missing_ok=True)
    return out / "index.html"


def _archive(run: Run) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, a=run.a, b=run.b, c=run.c, d=run.d)
    return stream.getvalue()
