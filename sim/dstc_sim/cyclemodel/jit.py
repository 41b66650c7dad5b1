"""The compiler of the cycle model, and where it keeps what it has compiled."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dstc.errors import DstcError
from dstc_hdl.emit.cache import build_folder, content_key

try:
    import numba
except ImportError as error:
    raise DstcError("Engine model must have the package numba, which is not installed; "
                    "pip install 'dstc[model]' brings it") from error

__all__ = ["compiled", "compiled_apart", "versions"]


def _cache_folder() -> Path:
    """One folder for each state of the sources: numba does not see changes in functions that a
    cached function calls."""
    texts = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    return build_folder() / "cache" / "numba" / content_key(numba.__version__, *texts)


vars(numba.config)["CACHE_DIR"] = str(_cache_folder())


def _jit(function: Callable[..., Any], inlined: bool) -> Callable[..., Any]:
    # Nothing in the model allocates: without counted references a call costs nothing but itself.
    options: dict[str, Any] = {"cache": True, "_nrt": False, "forceinline": inlined}
    return numba.njit(**options)(function)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function into those that call it, so that the call costs nothing."""
    return _jit(function, True)


def compiled_apart(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function on its own when it is first called; later processes load it."""
    return _jit(function, False)


def versions() -> dict[str, str]:
    """What the model was made with."""
    return {"numba": numba.__version__, "numpy": np.__version__}
