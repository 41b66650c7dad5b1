"""The folder that a run leaves behind."""

import io
from pathlib import Path

import numpy as np

from dstc.fileio import atomic_write

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
    files = {path.name: path.read_bytes() for path in run.files} | {
        "matrices.npz": _archive(run),
        "picture.png": picture,
        "index.html": render(run, subject, picture).encode(),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        with atomic_write(out / name) as file:
            file.write(content)
    return out / "index.html"


def _archive(run: Run) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, a=run.a, b=run.b, c=run.c, d=run.sparse.out)
    return stream.getvalue()
