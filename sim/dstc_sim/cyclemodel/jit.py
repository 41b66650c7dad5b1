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

__all__ = ["compiled", "versions"]


def _cache_folder() -> Path:
    """One folder for each state of the sources: numba does not see changes in functions that a
    cached function calls."""
    texts = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    return build_folder() / "cache" / "numba" / content_key(numba.__version__, *texts)


vars(numba.config)["CACHE_DIR"] = str(_cache_folder())


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function of the model when it is first called; later processes load it."""
    # Nothing here allocates: without counted references a call costs nothing but itself, and
    # inlined into its caller not even that.
    options: dict[str, Any] = {"cache": True, "_nrt": False,
                               "forceinline": function.__name__ not in ("simulate", "_cycle")}
    return numba.njit(**options)(function)


def versions() -> dict[str, str]:
    """What the model was made with."""
    return {"numba": numba.__version__, "numpy": np.__version__}
