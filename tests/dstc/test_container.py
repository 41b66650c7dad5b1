import re
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from dstc.config import CONFIGS
from dstc.errors import DstcError
from dstc.formats import encode, load, save

FORMATS = "fp16, bf16, fp8_e4m3, fp8_e5m2, int8"
ARRAYS = ("warp", "bitmaps", "offsets", "values")
HEADER = struct.Struct("<8sHcBB3x8sQQ" + 4 * "QI4x" + "4xI")


def sample(side="A", config="tiny", shape=(13, 9), seed=41):
    rng = np.random.default_rng(seed)
    config = CONFIGS[config]
    matrix = rng.integers(-3, 4, shape).astype(config.format.dtype)
    return encode(matrix, side, config)


@pytest.fixture
def intact(tmp_path):
    path = tmp_path / "x.dstc"
    save(path, sample())
    return path


def one_sentence(path):
    """Load a file that must be refused; the message."""
    with pytest.raises(DstcError) as caught:
        load(path)
    message = str(caught.value)
    assert "\n" not in message and " must " in message and ", not " in message
    assert str(path) in message
    return message


@pytest.mark.parametrize("config", CONFIGS)
@settings(max_examples=15, deadline=None)
@given(side=st.sampled_from("AB"), rows=st.integers(1, 70), columns=st.integers(1, 70),
       seed=st.integers(0, 99))
def test_round_trip(tmp_path_factory, config, side, rows, columns, seed):
    path = tmp_path_factory.mktemp("container") / "x.dstc"
    encoded = sample(side, config, (rows, columns), seed)
    save(path, encoded)
    back = load(path)
    for name in encoded.__dataclass_fields__:
        got, want = getattr(back, name), getattr(encoded, name)
        if name in ARRAYS:
            assert got.dtype == want.dtype
            assert_array_equal(got, want)
        else:
            assert got == want


def test_documented_bytes(tmp_path):
    """The file of a 1 x 2 matrix, written down by hand from docs/format.md."""
    encoded = encode(np.array([[0, -1.5]], np.float16), "A", CONFIGS["tiny"])
    save(tmp_path / "x.dstc", encoded)
    sections = [struct.pack("<2q", 0, 1), struct.pack("<I", 1), struct.pack("<4I", 0, 1, 0, 0),
                struct.pack("<H", 0xBE00)]
    head = b"\x89DSTC\r\n\x1a" + struct.pack("<HcBB3x8sQQ", 1, b"A", 8, 4, b"fp16", 1, 2)
    for section in sections:
        head += struct.pack("<QI4x", len(section), zlib.crc32(section))
    head += bytes(4)
    head += struct.pack("<I", zlib.crc32(head))
    assert len(head) == 112
    assert (tmp_path / "x.dstc").read_bytes() == head + b"".join(sections)


def test_every_truncation(intact):
    content = intact.read_bytes()
    for length in range(len(content)):
        intact.write_bytes(content[:length])
        one_sentence(intact)
    intact.write_bytes(content + b"\0")
    assert "bytes long" in one_sentence(intact)


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_every_byte_flipped(intact, flip):
    content = intact.read_bytes()
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= flip
        intact.write_bytes(damaged)
        one_sentence(intact)


@pytest.mark.parametrize("content", [
    b"", b"\x89", b"\x89PNG\r\n\x1a\n" + bytes(200), b"PK\x03\x04",
    b"\x93NUMPY\x01\x00" + b" " * 99,
    b"%%MatrixMarket matrix coordinate real general\n", bytes(1000),
])
def test_foreign(tmp_path, content):
    path = tmp_path / "x.dstc"
    path.write_bytes(content)
    assert one_sentence(path).startswith(("File", "Header"))


def forged(intact, index, value):
    """One field of the header replaced, its checksum made right again."""
    content = intact.read_bytes()
    fields = list(HEADER.unpack_from(content))
    fields[index] = value
    head = HEADER.pack(*fields)
    head = head[:-4] + struct.pack("<I", zlib.crc32(head[:-4]))
    intact.write_bytes(head + content[HEADER.size:])


@pytest.mark.parametrize("index, value, sentence", [
    (1, 2, "File {} must be of container version 1, not 2"),
    (2, b"Q", "Side must be A or B, not 'Q' (in {})"),
    (2, b"B", "Section offsets must be 72 bytes long, not 56 (in {})"),
    (3, 7, "Tile width must be 8, 16, 24 or 32, not 7 (in {})"),
    (3, 0, "Tile width must be 8, 16, 24 or 32, not 0 (in {})"),
    (4, 0, "Tile depth must be a multiple of 4 from 4 to 32, not 0 (in {})"),
    (5, b"fp99", f"Element format must be one of {FORMATS}, not 'fp99' (in {{}})"),
    (5, b"fp\xff6", f"Element format must be one of {FORMATS}, not 'fp\xff6' (in {{}})"),
    (5, b"fp16\0x", f"Element format must be one of {FORMATS}, not 'fp16\\x00x' (in {{}})"),
    (6, 0, "Matrix must be at least 1 x 1, not 0 x 9 (in {})"),
    (7, 2**64 - 1,
     "Section offsets must be 73786976294838206472 bytes long, not 56 (in {})"),
    (8, 2**63, "Section offsets must be 56 bytes long, not 9223372036854775808 (in {})"),
    (14, 3, "Section values must be a multiple of 2 bytes long, not 3 (in {})"),
    (14, 2**62, "File must be 4611686018427388176 bytes long, not {size} (in {})"),
])
def test_forged_header(intact, index, value, sentence):
    size = intact.stat().st_size
    forged(intact, index, value)
    assert one_sentence(intact) == sentence.replace("{size}", str(size)).replace(
        "{}", str(intact))


def test_unused_header_bytes(intact):
    content = bytearray(intact.read_bytes())
    content[14] = 1
    content[108:112] = struct.pack("<I", zlib.crc32(content[:108]))
    intact.write_bytes(content)
    assert one_sentence(intact) == f"Unused header bytes of {intact} must be zero, not set"


@pytest.mark.parametrize("section, item, value, part", [
    ("offsets", 1, 0, "Encoded offset of tile 1"),
    ("warp", 0, 0, "Encoded warp bitmaps"),
    ("bitmaps", 0, 0xFFFFFFFF, "Encoded offset of tile 1"),
    ("values", 0, 0, "Encoded values"),
])
def test_forged_sections(intact, section, item, value, part):
    """Checksums right, content wrong: the parts contradict each other."""
    encoded = sample()
    arrays = {name: getattr(encoded, name).copy() for name in ARRAYS}
    arrays[section].reshape(-1).view(f"u{arrays[section].itemsize}")[item] = value
    ordered = [arrays[name].tobytes() for name in ("offsets", "warp", "bitmaps", "values")]
    fields = list(HEADER.unpack_from(intact.read_bytes()))
    for index, data in enumerate(ordered):
        fields[8 + 2 * index:10 + 2 * index] = len(data), zlib.crc32(data)
    head = HEADER.pack(*fields)
    intact.write_bytes(head[:-4] + struct.pack("<I", zlib.crc32(head[:-4])) + b"".join(ordered))
    assert one_sentence(intact).startswith(part)


def test_not_a_file(tmp_path):
    for path in (tmp_path, tmp_path / "none.dstc"):
        sentence = f"Input must be an existing file, not {path}"
        with pytest.raises(DstcError, match=f"^{re.escape(sentence)}$"):
            load(path)


def test_save_replaces_or_leaves(intact, monkeypatch):
    before = intact.read_bytes()
    save(intact, sample("B"))
    after = intact.read_bytes()
    assert after != before

    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        save(intact, sample())
    assert intact.read_bytes() == after
    assert [path.name for path in intact.parent.iterdir()] == ["x.dstc"]


def test_save_follows_links(intact):
    link = intact.with_name("link.dstc")
    link.symlink_to(intact)
    save(link, sample("B"))
    assert link.is_symlink() and load(intact).side == "B"


def test_save_refused(tmp_path):
    (tmp_path / "file").touch()
    for path, reason in ((tmp_path / "no" / "x.dstc", "No such file or directory"),
                         (tmp_path / "file" / "x.dstc", "Not a directory")):
        sentence = f"Output must be a file that can be written, not {path} ({reason})"
        with pytest.raises(DstcError, match=f"^{re.escape(sentence)}$"):
            save(path, sample())
    for path in (tmp_path, "/dev/null"):
        sentence = f"Output must be a regular file, not {path}"
        with pytest.raises(DstcError, match=f"^{re.escape(sentence)}$"):
            save(path, sample())
