"""Small matrices and the bytes of their files, for the tests of the readers."""

import io

import numpy as np
import pytest

from dstc.errors import DstcError
from dstc.readers import read_matrix

__all__ = ["npy_bytes", "refusal", "smtx_text", "sparse"]


def sparse(shape=(9, 14), seed=53, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(shape) < .3, rng.integers(1, 50, shape), 0).astype(dtype)


def smtx_text(mask):
    rows, columns = np.nonzero(mask)
    offsets = np.concatenate([[0], np.cumsum((mask != 0).sum(axis=1))])
    return (f"{mask.shape[0]}, {mask.shape[1]}, {rows.size}\n{' '.join(map(str, offsets))}\n"
            f"{' '.join(map(str, columns))}\n")


def npy_bytes(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def refusal(path):
    """The one sentence that a file is refused with."""
    with pytest.raises(DstcError) as caught:
        read_matrix(path)
    message = str(caught.value)
    assert "\n" not in message and " must " in message
    return message
