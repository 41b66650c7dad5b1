"""The layers of a network on every machine."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..conv import im2col, weight_matrix
from ..network.work import ConvWork, MatMulWork
from .operands import Operands
from .rivals import MODELS

__all__ = ["fewest_cycles", "work_operands"]


def work_operands(work: ConvWork | MatMulWork) -> Iterator[Operands]:
    """The products of a layer, A with the activations: one for each image or matrix of a batch and
    each group of a convolution."""
    if isinstance(work, MatMulWork):
        for a, b in work.products():
            yield Operands.from_masks(a, b)
        return
    g = work.geometry
    alone = replace(g, channels=g.channels // g.groups, outputs=g.outputs // g.groups, groups=1)
    weights = np.split(work.w, g.groups)
    for image in work.x:
        for x, w in zip(np.split(image, g.groups), weights, strict=True):
            yield Operands.from_masks(im2col(x, alone), weight_matrix(w, alone))


def fewest_cycles(operands: Operands) -> tuple[dict[str, int], list[str]]:
    """Cycles of a product on each of :data:`dstc.models.MODELS` with the operands the way round
    that takes it fewer, and the machines for which that is B on the rows."""
    cycles, swapped = {}, []
    for name, model in MODELS.items():
        straight, turned = (model.machine.cycles(each) for each in (operands, operands.swapped))
        cycles[name] = min(straight, turned)
        if turned < straight:
            swapped.append(name)
    return cycles, swapped
