"""Sessions of ONNX Runtime."""

from typing import TYPE_CHECKING, Any

from .load import require_onnx

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["open_session"]

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
