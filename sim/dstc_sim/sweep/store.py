"""Where finished tasks are kept: one small file each, so that a sweep can go on where it ended."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dstc.errors import DstcError
from dstc.fileio import atomic_write

from .task import Task

__all__ = ["Store"]

FORMAT = "dstc sweep task 1"


class Store:
    """A folder of finished tasks.

    A file is named after its task's key and holds the task's identity, its result and a hash of
    both.  It appears in one step.  Other files of the folder are left alone.

    Parameters
    ----------
    folder : Path
        Made when the first task is written.

    Raises
    ------
    DstcError
        If something that is no folder has the name.
    """

    def __init__(self, folder: Path) -> None:
        if folder.exists() and not folder.is_dir():
            raise DstcError(f"Store must be a folder, not the file {folder}")
        self._folder = folder

    def path(self, task: Task) -> Path:
        """Where the task's result is or will be."""
        return self._folder / f"{task.key}.json"

    def read(self, task: Task, tell: Callable[[str], None]) -> dict[str, Any] | None:
        """The result of a finished task; None if it is to be done.

        A file that is not what was once written there counts as none; ``tell`` gets one sentence.
        """
        path = self.path(task)
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            tell(f"Result {path} must be readable, not {error.strerror}; it is made again")
            return None
        try:
            found = json.loads(text)
            whole = (found["format"] == FORMAT and found["sha256"] == _digest(
                found["task"], found["result"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            whole = False
        if not whole:
            tell(f"Result {path} must be a whole file of a sweep, not a damaged or foreign one; "
                 "it is made again")
            return None
        if found["task"] != task.identity():
            tell(f"Result {path} must be that of its name, not of another task; it is made again")
            return None
        return dict(found["result"])

    def write(self, task: Task, result: dict[str, Any]) -> None:
        """Keep the result of a task that is done.

        Raises
        ------
        DstcError
            If no such file can be made.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        identity = task.identity()
        with atomic_write(self.path(task)) as file:
            file.write(json.dumps({"format": FORMAT, "task": identity, "result": result,
                                   "sha256": _digest(identity, result)}, indent=1).encode()
                       + b"\n")


def _digest(task: Any, result: Any) -> str:
    return hashlib.sha256(json.dumps([task, result], sort_keys=True).encode()).hexdigest()
