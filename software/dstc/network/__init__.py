"""Networks from ONNX files: layers, what enters them, and their operation counts."""

from .capture import Recorder, capture
from .counts import LayerCounts, add_counts, conv_counts, matmul_counts
from .find import Network, Skipped, find_layers
from .inputs import (
    Input,
    graph_inputs,
    parse_input_shapes,
    read_inputs,
    resolve_shapes,
    sample_inputs,
)
from .layers import ConvAttributes, GemmShape, Layer, gemm_operands
from .limits import LIMITS, lane_factors, limit
from .load import load_model
from .prune import prune_layers, prune_magnitude
from .shapes import fix_shapes
from .trace import read_trace
from .work import ConvWork, MatMulWork, layer_work

__all__ = [
    "LIMITS",
    "ConvAttributes",
    "ConvWork",
    "GemmShape",
    "Input",
    "Layer",
    "LayerCounts",
    "MatMulWork",
    "Network",
    "Recorder",
    "Skipped",
    "add_counts",
    "capture",
    "conv_counts",
    "find_layers",
    "fix_shapes",
    "gemm_operands",
    "graph_inputs",
    "lane_factors",
    "layer_work",
    "limit",
    "load_model",
    "matmul_counts",
    "parse_input_shapes",
    "prune_layers",
    "prune_magnitude",
    "read_inputs",
    "read_trace",
    "resolve_shapes",
    "sample_inputs",
]
