"""The networks of the bench of ``dstc profile``, and its page."""

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from dstc.config import get_config
from dstc.network import (
    capture,
    find_layers,
    fix_shapes,
    graph_inputs,
    layer_work,
    resolve_shapes,
    sample_inputs,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "bench")


def prepared(model):
    inputs = graph_inputs(model)
    shapes = resolve_shapes(inputs, {})
    return fix_shapes(model, shapes), sample_inputs(model, inputs, shapes, 0)


def test_resnet50():
    """53 convolutions and a Gemm, 25.5 M weights, 4.09 G multiplications (He et al., table 1)."""
    from network_models import resnet50
    model, feeds = prepared(resnet50())
    layers = find_layers(model).layers
    weights = sum(layer.weight.size for layer in layers)
    assert [layer.op for layer in layers] == ["Conv"] * 53 + ["Gemm"]
    assert weights == 25_502_912
    zeros = sum(int((layer.weight == 0).sum()) for layer in layers)
    assert zeros / weights == pytest.approx(.75, abs=.001)
    config = get_config("paper")
    counts = [layer_work(layer, masks).counts(config)
              for layer, masks in capture(model, layers, feeds, keep=lambda x: x != 0)]
    assert sum(count.macs for count in counts) == 4_089_184_256
    # Behind ReLU, neither all nor no zeros anywhere.
    assert all(.2 < count.x_nonzeros / count.x_elements < .99 for count in counts[1:-1])


def test_transformer():
    """Products of two activations are layers like any others, head by head."""
    from network_models import transformer
    model, feeds = prepared(transformer(layers=2, width=32, heads=4, inner=64, length=10,
                                        vocabulary=50))
    network = find_layers(model)
    assert not network.skipped and len(network.layers) == 16
    works = {layer.name: (layer, layer_work(layer, masks)) for layer, masks in
             capture(model, network.layers, feeds, keep=lambda x: x != 0)}
    for n in "01":
        for name, shape in (("scores", (4, 10, 10, 8)), ("mixed", (4, 10, 8, 10)),
                            ("up", (1, 10, 64, 32)), ("down", (1, 10, 32, 64))):
            layer, work = works[f"{n}.{name}"]
            assert tuple(work.shape.values()) == shape
            assert (layer.weight is None) == (name in ("scores", "mixed"))
    # The masks are those of an independent evaluation.
    names = list(dict.fromkeys(tensor for layer, _ in works.values()
                               for tensor in layer.tensors))
    reference = helper.make_model(model.graph, opset_imports=model.opset_import, ir_version=8)
    reference.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
                                  for name in names)
    want = dict(zip(names, ReferenceEvaluator(reference).run(names, feeds), strict=True))
    for layer, work in works.values():
        a = want[layer.a] != 0
        if layer.b is None:
            assert np.array_equal(work.a[0], a.reshape(-1, a.shape[-1]))
        else:
            assert np.array_equal(work.a, a.reshape(-1, *a.shape[-2:]))
            b = want[layer.b].reshape(-1, *want[layer.b].shape[-2:]) != 0
            assert np.array_equal(work.b, b.swapaxes(-1, -2))
    assert .3 < works["0.down"][1].a.mean() < .7


def test_committed_results():
    """The page is what the script makes of the numbers beside it, and they are in the limits."""
    from network_profile import GIBIBYTES, SECONDS, table
    folder = ROOT / "docs" / "results"
    report = json.loads((folder / "profile.json").read_text())
    assert table(report) == (folder / "profile.md").read_text()
    rows = [row for row in report["rows"] if "resnet50" in row["command"]]
    assert len(rows) == 3
    assert all(row["seconds"] < SECONDS and row["peak_mib"] < 1024 * GIBIBYTES for row in rows)
