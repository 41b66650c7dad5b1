"""Reading matrices and arrays from files: NumPy, sparse archives, masks, Matrix Market, containers.

Every size that a file claims is checked against the file before memory is taken for it, and
nothing is ever unpickled.
"""

import re
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..errors import DstcError
from ..fileio import existing_file
from ..formats import load
from ..numerics import require_real
from .arrays import read_npy, read_npz
from .text import read_mtx, read_smtx

__all__ = ["read_array", "read_matrix"]

# What the parsers raise for bytes that they cannot read.
_MALFORMED = (ValueError, OverflowError, TypeError, KeyError, SyntaxError, EOFError, MemoryError,
              RuntimeError, OSError, zipfile.BadZipFile, zlib.error, tokenize.TokenError)


def read_matrix(path: str | Path) -> NDArray[Any]:
    """Read one matrix.

    Parameters
    ----------
    path : str or Path
        By its ending: ``.npy``; ``.npz`` with one array or one ``scipy.sparse`` matrix (csr,
        csc or coo); ``.smtx``, a mask in three lines whose non-zeros become 1; ``.mtx`` and
        ``.mtx.gz``, Matrix Market, whose patterns become 1; ``.dstc``, a container.  One array
        of several in an archive is ``FILE.npz:NAME``.

    Returns
    -------
    numpy.ndarray
        Two-dimensional, at least 1 x 1, of booleans, integers or floats as in the file (NaN
        and infinities included).

    Raises
    ------
    DstcError
        If the file is absent, malformed, or not such a matrix; one sentence.
    """
    matrix = _read(path, "matrix", tuple(_READERS))
    if matrix.ndim != 2:
        raise DstcError(f"Matrix in {path} must have two dimensions, not {matrix.ndim}")
    if 0 in matrix.shape:
        raise DstcError(f"Matrix in {path} must be at least 1 x 1, "
                        f"not {matrix.shape[0]} x {matrix.shape[1]}")
    return matrix


def read_array(path: str | Path) -> NDArray[Any]:
    """Read one array of any shape.

    Parameters
    ----------
    path : str or Path
        ``.npy`` or ``.npz``, as :func:`read_matrix` takes them.

    Returns
    -------
    numpy.ndarray
        With at least one element, of booleans, integers or floats as in the file.

    Raises
    ------
    DstcError
        If the file is absent, malformed, or not such an array; one sentence.
    """
    array = _read(path, "array", _ARRAYS)
    if not array.size:
        raise DstcError(f"Array in {path} must have an element, not the shape {array.shape}")
    return array


def _read(path: str | Path, thing: str, endings: tuple[str, ...]) -> NDArray[Any]:
    """The numbers of a file, whatever their shape."""
    archive = re.fullmatch(r"(.+\.npz):(.+)", str(path), re.DOTALL)
    name, member = archive.groups() if archive and not Path(path).exists() else (path, None)
    file = existing_file(name)
    ending = next((end for end in endings if file.name.lower().endswith(end)), None)
    if ending is None:
        raise DstcError(f"File ending must be one of {', '.join(endings)}, not that of {file}")
    kind, reader = _READERS[ending]
    try:
        with warnings.catch_warnings():
            # About what a file says; what follows from it is judged here.
            warnings.simplefilter("ignore")
            array = reader(file, member) if member else reader(file)
    except DstcError:
        raise
    except _MALFORMED as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DstcError(f"File {file} must be a valid {kind}: {reason}") from None
    return require_real(array, f"{path}: {thing}")


def _read_container(path: Path) -> NDArray[Any]:
    return load(path).decode()


_READERS: dict[str, tuple[str, Callable[..., NDArray[Any]]]] = {
    ".npy": ("NumPy array", read_npy),
    ".npz": ("NumPy archive", read_npz),
    ".smtx": ("sparse mask", read_smtx),
    ".mtx": ("Matrix Market file", read_mtx),
    ".mtx.gz": ("Matrix Market file", read_mtx),
    ".dstc": ("container", _read_container),
}
_ARRAYS = (".npy", ".npz")
