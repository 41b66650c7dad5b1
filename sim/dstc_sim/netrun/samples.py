"""Inputs of a run, cut into samples, and their labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc.errors import DstcError
from dstc.readers import read_array

__all__ = ["cut", "read_labels", "tops"]

Tensors = dict[str, NDArray[Any]]


def cut(feeds: Mapping[str, NDArray[Any]], at_once: Mapping[str, int]) -> list[Tensors]:
    """The inputs of each run, cut along their first dimension.

    Parameters
    ----------
    feeds : mapping of numpy.ndarray
        Inputs of all runs; scalars serve every run.
    at_once : mapping of int
        Length of the first dimension in one run, by input.

    Raises
    ------
    DstcError
        If the inputs do not hold the same whole number of runs.
    """
    counts = {array.shape[0] / at_once[name] for name, array in feeds.items() if array.ndim}
    if len(counts) > 1 or any(count < 1 or count != int(count) for count in counts):
        shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in feeds.items())
        wanted = ", ".join(f"{at_once[name]} of {name}" for name, array in feeds.items()
                           if array.ndim)
        raise DstcError("Inputs must hold the same whole number of runs in their first dimension "
                        f"({wanted} each), not {shapes}")
    return [{name: array if not array.ndim else np.ascontiguousarray(
                array[n * at_once[name]:(n + 1) * at_once[name]])
             for name, array in feeds.items()}
            for n in range(int(counts.pop()) if counts else 1)]


def read_labels(path: str, there: int, used: int) -> NDArray[np.integer]:
    """Labels of the samples that are used.

    Parameters
    ----------
    path : str
    there, used : int
        Samples in the input, and how many of them run.

    Raises
    ------
    DstcError
        If the file cannot be read or does not hold one integer for each sample.
    """
    labels = read_array(path)
    if labels.dtype.kind not in "iu" or labels.ndim != 1 or len(labels) not in (there, used):
        raise DstcError(f"Labels must be integers, one for each of {there} samples, "
                        f"not {labels.dtype} of shape {labels.shape}")
    return labels[:used]


def tops(outputs: Sequence[NDArray[Any]], at_once: int) -> list[int] | None:
    """The place of the largest value for every sample; None where outputs are no lists of values,
    or NaN are among them.

    Parameters
    ----------
    outputs : sequence of numpy.ndarray
        Of each run; the first dimension counts its samples.
    at_once : int
        Samples in a run.
    """
    if any(output.shape[:1] != (at_once,) or output.size <= at_once
           or np.isnan(output).any() for output in outputs):
        return None
    return [int(place) for output in outputs
            for place in output.reshape(at_once, -1).argmax(axis=1)]
