"""Results kept under ``build/cache``, by a hash of everything that decides them.

The folder may be deleted at any time.  Writers make an entry beside its place and rename it, so a
reader sees a whole entry or none, whatever is interrupted or runs at the same time.
"""

import ast
import contextlib
import fcntl
import functools
import hashlib
import importlib.util
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dstc

__all__ = ["build_folder", "content_key", "publish", "source_files"]

OURS = ("dstc", "dstc_hdl")


def build_folder() -> Path:
    """Where results go: ``build`` in the checkout, else in the current folder.

    The variable ``DSTC_BUILD`` names another place.
    """
    if chosen := os.environ.get("DSTC_BUILD"):
        return Path(chosen).absolute()
    checkout = Path(dstc.__file__).resolve().parents[2]
    return (checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()) / "build"


def content_key(*parts: Any) -> str:
    """A hash of some values that JSON takes, texts and bytes."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:32]


def publish(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """The entry of that key, made now if there is none.

    Parameters
    ----------
    kind : str
        Sort of result, a folder of ``build/cache``.
    key : str
        From :func:`content_key`.
    make : callable
        Fills the empty folder that it is given.  One process makes an entry, others that want
        the same one wait for it.  If it raises, there is no entry.

    Returns
    -------
    Path
        The folder of the finished entry, to be read only.
    """
    home = build_folder() / "cache" / kind
    place = home / key
    if place.is_dir():
        return place
    home.mkdir(parents=True, exist_ok=True)
    with _lock(home / f"{key}.lock"):
        if not place.is_dir():
            work = Path(tempfile.mkdtemp(prefix=f".{key}-", dir=home))
            try:
                make(work)
                work.chmod(0o755)
                work.rename(place)
            except BaseException:
                shutil.rmtree(work, ignore_errors=True)
                raise
    return place


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def source_files(module: str) -> dict[str, str]:
    """Our modules that a module needs, itself included, with a hash of each one's text.

    Imports are read from the text, so nothing is executed; imports inside functions count too.
    """
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _module_path(name)
        if path is None or name in found:
            continue
        text = path.read_bytes()
        found[name] = hashlib.sha256(text).hexdigest()
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        waiting += _imports(text.decode(), package)
        waiting += [".".join(name.split(".")[:n]) for n in range(1, name.count(".") + 1)]
    return dict(sorted(found.items()))


def _imports(text: str, package: str) -> Iterator[str]:
    """Names of modules that a text may import; some may be names inside modules."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            parents = parents[:len(parents) - node.level + 1] if node.level else []
            base = ".".join([*parents, *filter(None, [node.module])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


@functools.cache
def _module_path(name: str) -> Path | None:
    """The file of one of our modules."""
    parts = name.split(".")
    if parts[0] not in OURS:
        return None
    spec = importlib.util.find_spec(parts[0])
    if spec is None or not spec.origin:
        return None
    base = Path(spec.origin).parent.joinpath(*parts[1:])
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None
