import gzip
import io
import random
import re
import struct
import zipfile

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from matrix_files import npy_bytes, refusal, smtx_text, sparse
from numpy.testing import assert_array_equal

from dstc.errors import DstcError
from dstc.readers import read_matrix


@pytest.mark.parametrize("array, sentence", [
    (np.zeros(3), "Matrix in {} must have two dimensions, not 1"),
    (np.zeros((2, 2, 2)), "Matrix in {} must have two dimensions, not 3"),
    (np.zeros((0, 3)), "Matrix in {} must be at least 1 x 1, not 0 x 3"),
    (np.zeros((2, 2), complex), "{}: matrix values must be booleans, integers or floats of at "
                                "most 64 bits, not complex128"),
    (np.array([["a"]]), "{}: matrix values must be booleans, integers or floats of at most 64 "
                        "bits, not <U1"),
    (np.zeros((2, 2), "M8[s]"), "{}: matrix values must be booleans, integers or floats of at "
                                "most 64 bits, not datetime64[s]"),
])
def test_not_a_matrix(tmp_path, array, sentence):
    path = tmp_path / "x.npy"
    np.save(path, array)
    assert refusal(path) == sentence.replace("{}", str(path))


class Explosive:
    def __reduce__(self):
        return (pytest.fail, ("a file was unpickled",))


def test_never_unpickles(tmp_path):
    boxed = np.array([[Explosive()]], dtype=object)
    np.save(tmp_path / "x.npy", boxed, allow_pickle=True)
    np.savez(tmp_path / "x.npz", boxed)
    for name, kind in (("x.npy", "NumPy array"), ("x.npz", "NumPy archive")):
        assert refusal(tmp_path / name) == (f"File {tmp_path / name} must be a valid {kind}: "
                                            "values must be numbers, not Python objects")


def npy_header(text, version=b"\x01\x00"):
    text = text.encode() + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text


HUGE = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000000000)}"


@pytest.mark.parametrize("name, content, part", [
    ("x.npy", b"", "magic string"),
    ("x.npy", b"\x93NUMPY\x01\x00\xff", "array header length"),
    ("x.npy", npy_header("{}", b"\x09\x00"), "version"),
    ("x.npy", npy_header("{}", b"\x03\x00"), "format version must be 1.0 or 2.0, not 3.0"),
    ("x.npy", npy_header("[" * 5000), ""),
    ("x.npy", npy_header("__import__('os')"), ""),
    ("x.npy", npy_header(HUGE) + bytes(64), "must be 8000000000000000000 bytes, not 64"),
    ("x.npy", npy_header(HUGE.replace("1000000000", "-8")) + bytes(512),
     "shape must not be negative, not (-8, -8)"),
    ("x.npy", npy_header(HUGE.replace("<f8", "<U0")), ""),
    ("x.npy", npy_header(HUGE.replace("'<f8'", "[('x', 'O')]")), "not Python objects"),
    ("x.npy", npy_bytes(np.eye(3)) + b"\0", "must be 72 bytes, not 73"),
    ("x.npz", b"PK\x05\x06", "not a zip file"),
    ("x.npz", npy_bytes(np.eye(2)), "not a zip file"),
    ("x.smtx", b"", "first line"),
    ("x.smtx", b"256 64 0\n", "first line"),
    ("x.smtx", b"2, 2, -1\n0 0 0\n\n", "first line"),
    ("x.smtx", b"2, 2, 1\n0 1\n0", "offsets must be 3 integers, not 2"),
    ("x.smtx", b"2, 2, 1\n0 1 1\n0 1", "there must be 1 column indices, not 2"),
    ("x.smtx", b"2, 2, 1\n0 1 1\n2", "indices must be integers from 0 to 1"),
    ("x.smtx", b"2, 2, 1\n0 2 1\n1", "offsets must ascend from 0 to 1"),
    ("x.smtx", b"2, 2, 1\n1 1 1\n1", "offsets must ascend from 0 to 1"),
    ("x.smtx", b"2, 2, 1\n0 1 1\n1.5", "unmatched data"),
    ("x.smtx", b"2, 2, 1\n0 1 1\n99999999999999999999", "integers must fit 64 bits"),
    ("x.smtx", b"2, 2, 2\n0 2 2\n1 1", "column indices of a row must differ"),
    ("x.smtx", b"1, 300, 256\n0 256\n" + b"7 " * 256, "column indices of a row must differ"),
    ("x.smtx", b"2, 2, 1\n0 1 1\n1\n1", "there must be three lines, not 4"),
    ("x.smtx", b"2, 2, 0", "there must be three lines, not 1"),
    ("x.smtx", b"99999999999, 99999999999, 0\n0\n", "at most 268435456 elements"),
    ("x.smtx", b"2, 2, 1\n0 1 1\n-1", "indices must be integers from 0 to 1"),
    ("x.mtx", b"", "the first line must be"),
    ("x.mtx", b"%%MatrixMarket matrix\n1 1 0\n", "the first line must be"),
    *(("x.mtx", b"%%MatrixMarket matrix " + text, part) for text, part in [
        (b"block real general\n", "layout must be one of coordinate, array, not block"),
        (b"coordinate complex general\n1 1 1\n1 1 1 1\n", "not complex"),
        (b"array pattern general\n1 1\n1\n", "a pattern must have coordinates"),
        (b"coordinate real hermitian\n", "skew-symmetric, not hermitian"),
        (b"coordinate real general\n", "there must be a line of sizes"),
        (b"coordinate real general\n%\n\n", "there must be a line of sizes"),
        (b"coordinate real general\n2 2\n1 1 1\n", "line of sizes must have two integers"),
        (b"coordinate real general\n-2 2 0\n", "line of sizes must have two integers"),
        (b"coordinate real general\n2 2 1\n3 1 1\n", "indices must be integers from 0 to 1"),
        (b"coordinate real general\n2 2 1\n0 1 1\n", "indices must be integers from 0 to 1"),
        (b"coordinate real general\n2 2 1\n1.5 1 1\n", "indices must be integers"),
        (b"coordinate real general\n2 2 1\nnan 1 1\n", "indices must be integers"),
        (b"coordinate real general\n2 2 1\n1 1 x\n", "unmatched data"),
        (b"coordinate real general\n2 2 2\n1 1 1\n", "must be 6 numbers, not 3"),
        (b"coordinate real general\n2 2 1\n1 1 1\n2 2 2\n", "must be 3 numbers, not 6"),
        (b"coordinate real general\n2 2 1\n1 1 1\n" + b" " * 300, "nothing after 1 entries"),
        (b"coordinate real symmetric\n2 3 0\n", "must be square, not 2 x 3"),
        (b"coordinate integer general\n1 1 1\n1 1 9223372036854775808\n", "fit 64 bits"),
        (b"coordinate integer general\n1 1 1\n1 1 1.5\n", "unmatched data"),
        (b"coordinate real general\n1000000 1000000 1\n1 1 1\n", "at most 268435456 elements"),
        (b"coordinate real general\n2 2 999999999\n1 1 1\n", "must hold all of its 999999999"),
        (b"array real general\n16384 16384\n1\n", "must hold all of its 268435456"),
    ]),
    ("x.mtx.gz", b"%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 1\n", "gzipped"),
    ("x.mtx.gz",
     gzip.compress(b"%%MatrixMarket matrix coordinate real general\n", mtime=0)[:-9], ""),
    ("x.dstc", b"something", "must be a dstc container"),
])
def test_malformed(tmp_path, name, content, part):
    path = tmp_path / name
    path.write_bytes(content)
    message = refusal(path)
    assert str(path) in message and part in message


def test_large_sparse_archive(tmp_path):
    for layout in ("csr", "coo"):
        wide = scipy.sparse.coo_matrix(([1.], ([0], [0])), shape=(3, 2**40)).asformat(layout)
        scipy.sparse.save_npz(tmp_path / "x.npz", wide)
        assert "at most 268435456 elements, not 3 x 1099511627776" in refusal(tmp_path / "x.npz")


@pytest.mark.parametrize("changes, part", [
    ({"indices": np.array([0, 5])}, "indices must be integers from 0 to 2"),
    ({"indices": np.array([0, -1])}, "indices must be integers from 0 to 2"),
    ({"indices": np.array([0., 1.])}, "indices must be integers from 0 to 2"),
    ({"indptr": np.array([0, 9, 2])}, "offsets must ascend from 0 to 2"),
    ({"indptr": np.array([0, 2])}, "offsets must be 3 integers, not 2"),
    ({"indptr": np.array([0, 1, 1])}, "offsets must ascend from 0 to 2"),
    ({"data": np.array([1.])}, "must be equally many, not 2, 2 and 1"),
    ({"data": np.array([1j, 2])}, "not complex128"),
    ({"format": np.array(b"bsr")}, "sparse format must be csr, csc or coo, not bsr"),
    ({"format": np.zeros(3)}, ""),
    ({"shape": np.array([2])}, ""),
    ({"shape": np.array([-2, 3])}, ""),
])
def test_forged_sparse_archive(tmp_path, changes, part):
    good = {"format": np.array(b"csr"), "shape": np.array([2, 3]), "data": np.array([1., 2.]),
            "indices": np.array([0, 1]), "indptr": np.array([0, 1, 2])}
    np.savez(tmp_path / "x.npz", **good)
    assert_array_equal(read_matrix(tmp_path / "x.npz"), [[1, 0, 0], [0, 2, 0]])
    np.savez(tmp_path / "x.npz", **{**good, **changes})
    assert part in refusal(tmp_path / "x.npz")


def test_archive_that_lies_about_its_size(tmp_path):
    path = tmp_path / "x.npz"
    array = np.zeros((1, 4))
    content = npy_bytes(array).replace(b"(1, 4)", b"(9, 9)")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", content)
    assert "values of shape (9, 9) must be 648 bytes, not 32" in refusal(path)
    raw = bytearray(path.read_bytes())
    # The uncompressed size in the central directory.
    position = raw.index(b"PK\x01\x02") + 24
    raw[position:position + 4] = struct.pack("<I", 2**31)
    path.write_bytes(raw)
    assert "must be at most 1032 times its" in refusal(path)


@pytest.mark.parametrize("store", [np.savez, np.savez_compressed])
def test_archive_checksum(tmp_path, store):
    """A changed value is noticed although the array is as long as it should be."""
    path = tmp_path / "x.npz"
    store(path, np.arange(400.).reshape(20, 20))
    raw = bytearray(path.read_bytes())
    # In the archive's directory, so that the data itself still unpacks.
    position = raw.index(b"PK\x01\x02") + 16
    raw[position] ^= 1
    path.write_bytes(raw)
    assert "Bad CRC-32" in refusal(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archive_methods(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "x.npz", "w", method) as archive:
        archive.writestr("x.npy", npy_bytes(np.eye(2)))
    assert "array x must be stored or deflated" in refusal(tmp_path / "x.npz")


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "sparse.npz", "x.smtx", "x.mtx", "x.mtx.gz"])
def test_damage_is_never_a_crash(tmp_path, name, seed=61):
    """Every truncation and 300 random changes: a matrix or one sentence, nothing else."""
    path, matrix = tmp_path / name, sparse((4, 5))
    market = io.BytesIO()
    scipy.io.mmwrite(market, scipy.sparse.coo_matrix(matrix))
    np.save(tmp_path / "x.npy", matrix)
    np.savez_compressed(tmp_path / "x.npz", matrix)
    scipy.sparse.save_npz(tmp_path / "sparse.npz", scipy.sparse.csr_matrix(matrix))
    (tmp_path / "x.smtx").write_text(smtx_text(matrix))
    (tmp_path / "x.mtx").write_bytes(market.getvalue())
    (tmp_path / "x.mtx.gz").write_bytes(gzip.compress(market.getvalue()))
    content, rng = path.read_bytes(), random.Random(seed)
    damaged = [content[:length] for length in range(0, len(content), 1 + len(content) // 200)]
    for _ in range(300):
        changed = bytearray(content)
        for _ in range(rng.choice([1, 1, 3])):
            changed[rng.randrange(len(content))] = rng.choice([0, 9, 10, 45, 57, 255,
                                                               rng.randrange(256)])
        damaged.append(bytes(changed))
    refused = 0
    for data in damaged:
        path.write_bytes(data)
        try:
            assert read_matrix(path).ndim == 2
        except DstcError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 50


def test_not_a_file(tmp_path):
    for path in (tmp_path, tmp_path / "none.npy"):
        assert refusal(path) == f"Input must be an existing file, not {path}"
    (tmp_path / "x.txt").write_text("1 2")
    assert refusal(tmp_path / "x.txt") == (
        "File ending must be one of .npy, .npz, .smtx, .mtx, .mtx.gz, .dstc, not that of "
        f"{tmp_path / 'x.txt'}")


def test_name_with_a_colon(tmp_path):
    np.save(tmp_path / "a.npz:b.npy", np.eye(2))
    assert_array_equal(read_matrix(tmp_path / "a.npz:b.npy"), np.eye(2))


def test_limit_is_exact(tmp_path, monkeypatch):
    monkeypatch.setattr("dstc.readers.sparse.MAX_DENSE", 20)
    (tmp_path / "x.smtx").write_text(smtx_text(np.ones((4, 5))))
    assert read_matrix(tmp_path / "x.smtx").shape == (4, 5)
    (tmp_path / "x.smtx").write_text(smtx_text(np.ones((3, 7))))
    sentence = "a sparse matrix must have at most 20 elements, not 3 x 7"
    assert re.search(f": {sentence}$", refusal(tmp_path / "x.smtx"))
