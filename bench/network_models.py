"""Networks of real shapes with random pruned weights, for the bench of the profile."""

from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

__all__ = ["resnet50", "transformer"]

SEED = 1
STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
EXPANSION, CLASSES = 4, 1000


class _Graph:
    """Nodes and weights as they are added."""

    def __init__(self, density: float) -> None:
        self.density = density
        self.rng = np.random.default_rng(SEED)
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []

    def constant(self, name: str, array: np.ndarray) -> str:
        self.tensors.append(numpy_helper.from_array(array, name))
        return name

    def weights(self, name: str, shape: tuple[int, ...], fan_in: int) -> str:
        """Normal, of a variance that keeps that of activations, with random zeros."""
        values = self.rng.standard_normal(shape, np.float32)
        values *= np.float32((2 / (fan_in * self.density)) ** 0.5)
        return self.constant(name, values * (self.rng.random(shape, np.float32) < self.density))

    def node(self, op: str, inputs: list[str], name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def conv(self, x: str, name: str, shape: tuple[int, int, int], stride: int = 1,
             relu: bool = True, shift: float = 0.0) -> str:
        """A convolution of (outputs, channels, kernel), its batch normalisation folded into it."""
        outputs, channels, kernel = shape
        weights = self.weights(f"{name}.w", (outputs, channels, kernel, kernel),
                               channels * kernel * kernel)
        bias = self.constant(f"{name}.b", np.full(outputs, shift, np.float32))
        out = self.node("Conv", [x, weights, bias], name, strides=[stride] * 2,
                        pads=[kernel // 2] * 4)
        return self.node("Relu", [out], f"{name}.relu") if relu else out

    def model(self, name: str, inputs: list[Any], output: str) -> ModelProto:
        graph = helper.make_graph(
            self.nodes, name, inputs,
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)], self.tensors)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def resnet50(density: float = 0.25, size: int = 224) -> ModelProto:
    """ResNet-50 (He et al., CVPR 2016, table 1): 53 convolutions, one Gemm, 25.5 M weights.

    Parameters
    ----------
    density : float
        Share of non-zero weights, at random places.
    size : int
        Height and width of the images.
    """
    g = _Graph(density)
    x = g.conv("image", "conv1", (64, 3, 7), 2)
    x = g.node("MaxPool", [x], "pool1", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    channels = 64
    for stage, (width, blocks, first) in enumerate(STAGES, start=2):
        for block in range(blocks):
            name, stride = f"conv{stage}_{block + 1}", first if block == 0 else 1
            y = g.conv(x, f"{name}.1", (width, channels, 1))
            y = g.conv(y, f"{name}.2", (width, width, 3), stride)
            # Halves what a block adds, so that sums over many blocks stay small.
            y = g.conv(y, f"{name}.3", (EXPANSION * width, width, 1), relu=False, shift=-0.1)
            if block == 0:
                x = g.conv(x, f"{name}.0", (EXPANSION * width, channels, 1), stride, relu=False)
            channels = EXPANSION * width
            x = g.node("Relu", [g.node("Add", [x, y], f"{name}.sum")], f"{name}.relu")
    x = g.node("Flatten", [g.node("GlobalAveragePool", [x], "pool")], "flat")
    g.node("Gemm", [x, g.weights("fc.w", (CLASSES, channels), channels)], "fc", transB=1)
    return g.model("resnet50", [helper.make_tensor_value_info(
        "image", TensorProto.FLOAT, [1, 3, size, size])], "fc")


def transformer(layers: int = 2, width: int = 128, heads: int = 4, inner: int = 512,
                length: int = 64, vocabulary: int = 1000, density: float = 0.25) -> ModelProto:
    """A Transformer encoder (Vaswani et al., 2017) with ReLU: six products with weights and two of
    activations with activations in every layer.

    Parameters
    ----------
    layers, width, heads, inner, length, vocabulary : int
    density : float
        Share of non-zero weights.
    """
    g = _Graph(density)
    g.constant("split", np.array([1, length, heads, width // heads]))
    g.constant("join", np.array([1, length, width]))
    g.constant("scale", np.float32(1 / (width // heads) ** 0.5))
    g.constant("ones", np.ones(width, np.float32))
    x = g.node("Gather", [g.weights("table", (vocabulary, width), 2), "tokens"], "embedded")
    for n in range(layers):
        parts = {}
        for part in "qkv":
            y = g.node("MatMul", [x, g.weights(f"{n}.{part}.w", (width, width), width)],
                       f"{n}.{part}")
            y = g.node("Reshape", [y, "split"], f"{n}.{part}.split")
            parts[part] = g.node("Transpose", [y], f"{n}.{part}.heads",
                                 perm=[0, 2, 3, 1] if part == "k" else [0, 2, 1, 3])
        scores = g.node("MatMul", [parts["q"], parts["k"]], f"{n}.scores")
        shares = g.node("Softmax", [g.node("Mul", [scores, "scale"], f"{n}.scaled")],
                        f"{n}.shares", axis=-1)
        y = g.node("MatMul", [shares, parts["v"]], f"{n}.mixed")
        y = g.node("Transpose", [y], f"{n}.mixed.back", perm=[0, 2, 1, 3])
        y = g.node("Reshape", [y, "join"], f"{n}.joined")
        y = g.node("MatMul", [y, g.weights(f"{n}.out.w", (width, width), width)], f"{n}.out")
        x = g.node("LayerNormalization", [g.node("Add", [x, y], f"{n}.sum"), "ones"], f"{n}.norm")
        y = g.node("MatMul", [x, g.weights(f"{n}.up.w", (width, inner), width)], f"{n}.up")
        y = g.node("Relu", [y], f"{n}.relu")
        y = g.node("MatMul", [y, g.weights(f"{n}.down.w", (inner, width), inner)], f"{n}.down")
        x = g.node("LayerNormalization", [g.node("Add", [x, y], f"{n}.sum2"), "ones"],
                   f"{n}.norm2")
    return g.model("transformer", [helper.make_tensor_value_info(
        "tokens", TensorProto.INT64, [1, length])], x)
