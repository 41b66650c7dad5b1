"""The network as an ONNX model."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ..network.load import require_onnx
from .network import BLOCKS, LAYERS, Network

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["onnx_model"]

OPSET = 17


def onnx_model(network: Network) -> "ModelProto":
    """The network for ONNX tools.

    Input ``image``, float32 (N, 1, 28, 28), pixels from 0 to 255; output ``logits``,
    float32 (N, 10).  Weights are the network's FP16 values in FP32.

    Raises
    ------
    DstcError
        If the package ``onnx`` is not installed.
    """
    onnx, _ = require_onnx()
    helper = onnx.helper
    nodes: list[Any] = []
    stored = {"scale": np.array(1 / 256, np.float32)}

    def add(op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def conv(name: str, x: str) -> str:
        layer = LAYERS[name]
        stored[f"{name}.weight"] = network.weights[name].astype(np.float32)
        stored[f"{name}.bias"] = network.biases[name]
        return add("Conv", [x, f"{name}.weight", f"{name}.bias"], name,
                   kernel_shape=[layer.kernel] * 2, strides=[layer.stride] * 2,
                   pads=[layer.padding] * 4)

    def relu(x: str) -> str:
        return add("Relu", [x], f"{x}.relu")

    x = relu(conv("stem", add("Mul", ["image", "scale"], "scaled")))
    for block in BLOCKS:
        inner = relu(conv(f"{block}.conv1", x))
        joined = add("Add", [conv(f"{block}.conv2", inner), conv(f"{block}.skip", x)],
                     f"{block}.sum")
        x = relu(joined)
    mean = add("ReduceMean", [x], "mean", axes=[2, 3], keepdims=1)
    add("Flatten", [conv("head", mean)], "logits")
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes, "pruned_cnn", [helper.make_tensor_value_info("image", kind, ["N", 1, 28, 28])],
        [helper.make_tensor_value_info("logits", kind, ["N", 10])],
        [onnx.numpy_helper.from_array(array, name) for name, array in stored.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8,
                             producer_name="dstc")
