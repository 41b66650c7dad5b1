"""Small ONNX models, written by hand."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

__all__ = ["build", "feed"]

OPSET, IR = 17, 8
TYPES = {"f": TensorProto.FLOAT, "i": TensorProto.INT64, "b": TensorProto.BOOL}


def build(nodes, inputs, outputs=(), tensors=None, opset=OPSET, **extra):
    """A model.

    Parameters
    ----------
    nodes : list of tuple
        Operator, inputs, outputs (lists in a string, by blanks) and attributes.
    inputs : dict
        Shape of each; an ``i`` or ``b`` before the name's colon makes it of integers or booleans.
    outputs : sequence of str
        The last node's when left out.
    tensors : dict of numpy.ndarray
    """
    made = [helper.make_node(op, sources.split(), results.split(), **attributes)
            for op, sources, results, attributes in (
                (*node, {})[:4] for node in nodes)]
    values = []
    for name, shape in inputs.items():
        kind, _, name = name.rpartition(":")
        values.append(helper.make_tensor_value_info(name, TYPES[kind or "f"], shape))
    graph = helper.make_graph(
        made, "test", values,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
         for name in outputs or made[-1].output],
        [numpy_helper.from_array(array, name) for name, array in (tensors or {}).items()], **extra)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=IR)


def feed(seed, *shape, density=1.0):
    """Normal numbers with zeros among them."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) * (rng.random(shape) < density)).astype(np.float32)
