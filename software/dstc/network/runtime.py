"""Sessions of ONNX Runtime."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DstcError
from .load import require_onnx
from .text import plain

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["number_arrays", "open_session"]

FATAL = 4


def open_session(model: "ModelProto") -> Any:
    """A session of ONNX Runtime on the processor that says nothing to anybody but its caller.

    Raises
    ------
    Exception
        Whatever ONNX Runtime raises, of many classes, if it does not take the model.
    """
    _, runtime = require_onnx()
    options = runtime.SessionOptions()
    options.log_severity_level = FATAL
    # The fallback announces itself on standard output, to the provider that has just failed.
    return runtime.InferenceSession(model.SerializeToString(), options,
                                    providers=["CPUExecutionProvider"], enable_fallback=0)


def number_arrays(names: Sequence[str], values: Sequence[Any]) -> dict[str, NDArray[Any]]:
    """What a session gave, by name.

    Raises
    ------
    DstcError
        If one is no array, or one of strings.
    """
    for name, value in zip(names, values, strict=True):
        if not isinstance(value, np.ndarray) or value.dtype == object:
            kind = "of strings" if isinstance(value, np.ndarray) else type(value).__name__
            raise DstcError(f"Tensor {plain(name)} must be an array of numbers, not {kind}")
    return dict(zip(names, values, strict=True))
