import gzip
import io
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from matrix_files import refusal, smtx_text, sparse
from numpy.testing import assert_array_equal

from dstc.config import CONFIGS
from dstc.formats import encode, save
from dstc.readers import read_array, read_matrix

DATA = Path(__file__).parents[3] / "shared" / "data"
real_data = pytest.mark.skipif(not DATA.is_dir(), reason="the real workloads are not here")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["?", "i1", "<u8", ">i4", "f2", "<f4", ">f8"])
def test_npy(tmp_path, dtype, order):
    matrix = np.asarray(sparse(dtype=dtype), order=order)
    np.save(tmp_path / "x.npy", matrix)
    got = read_matrix(tmp_path / "x.npy")
    assert got.dtype == matrix.dtype
    assert_array_equal(got, matrix)


def test_npy_keeps_every_bit(tmp_path):
    matrix = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256).view(np.float16)
    np.save(tmp_path / "x.npy", matrix)
    assert_array_equal(read_matrix(tmp_path / "x.npy").view(np.uint16), matrix.view(np.uint16))


@pytest.mark.parametrize("store", [np.savez, np.savez_compressed])
def test_npz(tmp_path, store):
    matrix, other = sparse(), sparse(seed=2)
    store(tmp_path / "one.npz", matrix)
    assert_array_equal(read_matrix(tmp_path / "one.npz"), matrix)
    store(tmp_path / "two.npz", **{"layer/w": matrix, "x": other})
    assert_array_equal(read_matrix(f"{tmp_path}/two.npz:layer/w"), matrix)
    assert_array_equal(read_matrix(f"{tmp_path}/two.npz:x"), other)
    assert refusal(tmp_path / "two.npz") == (
        f"Archive {tmp_path}/two.npz must hold one array, or be given as FILE.npz:NAME, "
        "not 2 (layer/w, x)")
    assert refusal(f"{tmp_path}/two.npz:y") == (
        f"Array of {tmp_path}/two.npz must be one of layer/w, x, not y")


@pytest.mark.parametrize("shape", [(), (7,), (2, 3), (1, 2, 3, 4, 5)])
def test_arrays_of_any_shape(tmp_path, shape):
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    np.save(tmp_path / "x.npy", array)
    np.savez(tmp_path / "x.npz", other=sparse(), w=array)
    for path in (tmp_path / "x.npy", f"{tmp_path}/x.npz:w"):
        got = read_array(path)
        assert (got.dtype, got.shape) == (array.dtype, shape)
        assert_array_equal(got, array)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_])
@pytest.mark.parametrize("layout", ["csr", "csc", "coo"])
def test_npz_sparse(tmp_path, layout, dtype, compressed):
    matrix = sparse(dtype=dtype)
    scipy.sparse.save_npz(tmp_path / "x.npz", scipy.sparse.coo_matrix(matrix).asformat(layout),
                          compressed=compressed)
    got = read_matrix(tmp_path / "x.npz")
    assert got.dtype == matrix.dtype
    assert_array_equal(got, matrix)


def test_npz_sparse_adds_entries_of_one_place(tmp_path):
    twice = scipy.sparse.coo_matrix(([1., 2., 4.], ([0, 1, 0], [1, 0, 1])), shape=(2, 2))
    scipy.sparse.save_npz(tmp_path / "x.npz", twice)
    assert_array_equal(read_matrix(tmp_path / "x.npz"), [[0, 5], [2, 0]])


@pytest.mark.parametrize("mask", [sparse(), np.zeros((3, 5)), np.ones((1, 1)), np.eye(4)])
def test_smtx(tmp_path, mask):
    (tmp_path / "x.smtx").write_text(smtx_text(mask))
    got = read_matrix(tmp_path / "x.smtx")
    assert got.dtype == np.int8
    assert_array_equal(got, mask != 0)


@pytest.mark.parametrize("ending", [".mtx", ".mtx.gz", ".MTX.GZ"])
@pytest.mark.parametrize("matrix", [sparse(), sparse(dtype=np.int64), np.arange(6.).reshape(2, 3)])
def test_mtx(tmp_path, matrix, ending):
    for name, source in (("dense", matrix), ("sparse", scipy.sparse.coo_matrix(matrix))):
        buffer = io.BytesIO()
        scipy.io.mmwrite(buffer, source)
        packed = ending.lower().endswith("gz")
        path = tmp_path / (name + ending)
        path.write_bytes(gzip.compress(buffer.getvalue()) if packed else buffer.getvalue())
        got = read_matrix(path)
        assert got.dtype == matrix.dtype
        assert_array_equal(got, matrix)


@pytest.mark.parametrize("header, lines, want", [
    ("coordinate pattern general", "2 3 2\n1 3\n2 1\n", [[0, 0, 1], [1, 0, 0]]),
    ("coordinate real symmetric", "2 2 2\n1 1 -3\n2 1 0.5\n", [[-3, .5], [.5, 0]]),
    ("coordinate integer skew-symmetric", "2 2 1\n2 1 4\n", [[0, -4], [4, 0]]),
    ("coordinate pattern symmetric", "3 3 2\n2 1\n3 3\n", [[0, 1, 0], [1, 0, 0], [0, 0, 1]]),
    ("coordinate real general", "2 2 3\n1 1 1\n\n1 1 2\n2 2 -inf", [[3, 0], [0, -np.inf]]),
    ("coordinate real general", "2 2 0\n", [[0, 0], [0, 0]]),
    ("array integer symmetric", "3 3\n1\n2\n3\n4\n5\n6\n", [[1, 2, 3], [2, 4, 5], [3, 5, 6]]),
    ("array real skew-symmetric", "3 3\n1\n2\n3\n", [[0, -1, -2], [1, 0, -3], [2, 3, 0]]),
    ("array real general", "% note\n2 2\n1\n2\n3\nnan\n", [[1, 3], [2, np.nan]]),
])
def test_mtx_kinds(tmp_path, header, lines, want):
    (tmp_path / "x.mtx").write_text(f"%%MatrixMarket matrix {header}\n{lines}")
    assert_array_equal(read_matrix(tmp_path / "x.mtx"), want)


def test_container(tmp_path):
    matrix = sparse(dtype=np.float16)
    for side in "AB":
        save(tmp_path / "x.dstc", encode(matrix, side, CONFIGS["small"]))
        assert_array_equal(read_matrix(tmp_path / "x.dstc"), matrix)


@real_data
def test_real_masks():
    paths = sorted(DATA.glob("dlmc/smtx/**/*.smtx"))
    assert paths
    for path in paths:
        rows, columns, entries = map(int, path.read_text().splitlines()[0].split(","))
        got = read_matrix(path)
        assert got.shape == (rows, columns) and np.count_nonzero(got) == got.sum() == entries


@real_data
def test_real_mask_agrees_with_archive():
    """The same layer from the collection's text and from the archive of packed bits."""
    name = "bottleneck_2_block_group1_1_1"
    got = read_matrix(DATA / f"dlmc/smtx/rn50/magnitude_pruning/0.8/{name}.smtx")
    packed = read_matrix(f"{DATA}/dlmc/rn50_magnitude_pruning_0.8.npz:{name}/bits")
    assert_array_equal(np.unpackbits(packed, axis=1)[:, :got.shape[1]], got)


@real_data
@pytest.mark.parametrize("name", ["suitesparse/west0067", "suitesparse/jagmesh7",
                                  "suitesparse/bcsstk13", "sparse-dnn-challenge/n1024-l1"])
def test_real_matrix_market(name):
    path = DATA / f"{name}.mtx.gz"
    with gzip.open(path) as file:
        want = scipy.io.mmread(file).toarray()
    assert_array_equal(read_matrix(path), want)
