"""A small network in a file."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

__all__ = ["TINY", "random", "save", "small_net"]

TINY = ("--config", "tiny")


def save(path, nodes, tensors, x_shape, kind=TensorProto.FLOAT, outputs=("y",)):
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("x", kind, x_shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()])
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)],
                                       ir_version=8).SerializeToString())


def random(rng, *shape):
    return (rng.standard_normal(shape) * (rng.random(shape) < .6)).astype(np.float32)


def small_net(path, at_once="N"):
    """Convolution, ReLU, grouped convolution with stride, and a product: five classes."""
    rng = np.random.default_rng(61)
    nodes = [helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], "first", pads=[1] * 4),
             helper.make_node("Relu", ["c1"], ["r1"]),
             helper.make_node("Conv", ["r1", "w2"], ["c2"], "second", group=2, strides=[2, 2]),
             helper.make_node("Flatten", ["c2"], ["f"]),
             helper.make_node("Gemm", ["f", "w3", "b3"], ["y"], "last", alpha=0.5)]
    save(path, nodes, {"w1": random(rng, 4, 2, 3, 3), "b1": random(rng, 4),
                       "w2": random(rng, 6, 2, 3, 3), "w3": random(rng, 54, 5),
                       "b3": random(rng, 5)}, [at_once, 2, 7, 7])
