"""Opening files that exist, and writing files that are either whole or not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .errors import DstcError

__all__ = ["atomic_write", "existing_file"]


def existing_file(path: str | Path) -> Path:
    """The path, if a regular file is there: no folder, no pipe that would block.

    Raises
    ------
    DstcError
        If there is none.
    """
    path = Path(path)
    if not path.is_file():
        raise DstcError(f"Input must be an existing file, not {path}")
    return path


@contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file for writing that appears under its name only when all went well.

    The bytes go to a temporary file beside the target, reach the disk, and are renamed; if
    anything fails, the temporary file is removed and an earlier file of that name is as it was.
    A symbolic link is followed.

    Parameters
    ----------
    path : str or Path

    Yields
    ------
    binary file

    Raises
    ------
    DstcError
        If no such file can be made, or something that is not a regular file has the name.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise DstcError(f"Output must be a regular file, not {path}")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        file = open(temporary, "xb")  # noqa: SIM115 - closed below, whatever happens
    except OSError as error:
        raise DstcError(f"Output must be a file that can be written, not {path} "
                        f"({error.strerror})") from None
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
