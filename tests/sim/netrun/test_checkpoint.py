"""What a run leaves on disk: it comes back as it was, or is refused."""

import dataclasses
import json

import numpy as np
import pytest

from dstc.errors import DstcError
from dstc_sim.netrun import LayerOutcome
from dstc_sim.netrun.checkpoint import Checkpoint, run_key

OUTCOME = LayerOutcome(name="conv", bit_exact=True, difference=float("inf"), of_bound=0.25,
                       rounded=3, cycles=None, ohmma=None, dense=12, tiles=4, rtl_tiles=2)
OUT = np.array([[1, np.nan], [-0.0, 2]], np.float32)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "deep" / "run"


def damaged(folder):
    return (f"Checkpoint must be as it was written, not damaged as {folder}/sample-00000{{}} and "
            f"its array: delete {folder} to start anew")


def test_layers_come_back(folder):
    with Checkpoint(folder, "k") as checkpoint:
        assert checkpoint.layer(0, 3) is None
        checkpoint.keep_layer(0, 3, OUTCOME, OUT)
    with Checkpoint(folder, "k") as checkpoint:
        outcome, out = checkpoint.layer(0, 3)
        assert outcome == OUTCOME and out.dtype == np.float32
        np.testing.assert_array_equal(out.view(np.uint32), OUT.view(np.uint32))
        assert checkpoint.layer(1, 3) is checkpoint.layer(0, 2) is checkpoint.sample(0) is None


def test_samples_replace_their_layers(folder):
    other = dataclasses.replace(OUTCOME, name="gemm", cycles=7, ohmma=5)
    outputs = {"file": OUT, "/a/b": np.arange(3), "scalar": np.float16(2)}
    with Checkpoint(folder, "k") as checkpoint:
        checkpoint.keep_layer(12, 0, OUTCOME, OUT)
        checkpoint.keep_sample(12, [OUTCOME, other], outputs)
        assert checkpoint.layer(12, 0) is None
    with Checkpoint(folder, "k") as checkpoint:
        layers, back = checkpoint.sample(12)
        assert layers == [OUTCOME, other] and list(back) == list(outputs)
        for name, array in outputs.items():
            np.testing.assert_array_equal(back[name], array)
        checkpoint.remove()
    assert not folder.exists()


def test_nothing_computed_leaves_nothing(folder):
    with Checkpoint(folder, "k"):
        assert folder.is_dir()
    assert not folder.exists()


def test_half_written_layer_is_none(folder):
    """Interrupted between the two files of a layer: the array alone says nothing."""
    with Checkpoint(folder, "k") as checkpoint:
        checkpoint.keep_layer(0, 3, OUTCOME, OUT)
        (folder / "sample-000000/step-0003.json").unlink()
        assert checkpoint.layer(0, 3) is None


def test_files_of_others_stay(folder):
    with Checkpoint(folder, "k") as checkpoint:
        checkpoint.keep_layer(0, 3, OUTCOME, OUT)
        (folder / "notes.txt").write_text("mine")
        checkpoint.remove()
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("mark", ['{"key": "other"}', "[]", '"k"', "null"])
def test_other_run(folder, mark):
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(mark)
    with pytest.raises(DstcError) as caught:
        Checkpoint(folder, "k")
    assert str(caught.value) == (f"Checkpoint {folder} must be that of the same model, inputs and "
                                 "options, not of another run")


def test_unusable_folders(folder, tmp_path):
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("")
    with pytest.raises(DstcError) as caught:
        Checkpoint(folder, "k")
    assert str(caught.value) == (f"Checkpoint {folder} must be empty or that of a run, not hold "
                                 "other files")
    (tmp_path / "file").write_text("")
    with pytest.raises(DstcError) as caught:
        Checkpoint(tmp_path / "file", "k")
    assert str(caught.value) == (f"Checkpoint must be a folder that can be made, not "
                                 f"{tmp_path / 'file'} (File exists)")


def test_one_run_at_a_time(folder):
    with Checkpoint(folder, "k"):
        with pytest.raises(DstcError) as caught:
            Checkpoint(folder, "k")
        assert str(caught.value) == (f"Checkpoint {folder} must be used by one run at a time, not "
                                     "by another one now")
    with Checkpoint(folder, "k"):
        pass


@pytest.mark.parametrize("name, spoil", [
    ("step-0003.npy", lambda data: data[:-1]), ("step-0003.npy", lambda data: b""),
    ("step-0003.npy", lambda data: b"PK" + data), ("step-0003.json", lambda data: b"[]"),
    ("step-0003.json", lambda data: b"{}"), ("step-0003.json", lambda data: b'"text"'),
])
def test_damaged_layer(folder, name, spoil):
    with Checkpoint(folder, "k") as checkpoint:
        checkpoint.keep_layer(0, 3, OUTCOME, OUT)
        path = folder / "sample-000000" / name
        path.write_bytes(spoil(path.read_bytes()))
        with pytest.raises(DstcError) as caught:
            checkpoint.layer(0, 3)
    assert str(caught.value) == damaged(folder).format("0/step-0003.json")


@pytest.mark.parametrize("name, spoil", [
    ("sample-000000.npz", lambda data: data[:-30]), ("sample-000000.npz", lambda data: b""),
    ("sample-000000.json", lambda data: b"[]"),
    ("sample-000000.json", lambda data: json.dumps({"layers": [{}], "outputs": []}).encode()),
    ("sample-000000.json", lambda data: data.replace(b'"y"', b'"y", "z"')),
])
def test_damaged_sample(folder, name, spoil):
    with Checkpoint(folder, "k") as checkpoint:
        checkpoint.keep_sample(0, [OUTCOME], {"y": OUT})
        path = folder / name
        path.write_bytes(spoil(path.read_bytes()))
        with pytest.raises(DstcError) as caught:
            checkpoint.sample(0)
    assert str(caught.value) == damaged(folder).format("0.json")


def test_not_json(folder):
    folder.mkdir(parents=True)
    (folder / "run.json").write_bytes(b"\xff{")
    with pytest.raises(DstcError, match=r"^Checkpoint file \S+/run.json must be readable JSON, not "
                                        r"damaged \([^\n]+\)$"):
        Checkpoint(folder, "k")


def test_key():
    """Everything that decides the results is in it."""
    x = np.arange(6, dtype=np.float32)
    base = ({"seed": 0, "rtl_layers": ("a",)}, b"model", {"x": x})
    keys = [run_key(*base), run_key({"seed": 1, "rtl_layers": ("a",)}, *base[1:]),
            run_key(base[0], b"other", base[2]), run_key(*base[:2], {"y": x}),
            run_key(*base[:2], {"x": x.reshape(2, 3)}), run_key(*base[:2], {"x": x[::-1]}),
            run_key(*base[:2], {"x": x.view(np.int32)})]
    assert len(set(keys)) == len(keys)
    assert run_key(*base) == run_key({"rtl_layers": ("a",), "seed": 0}, b"model", {"x": x.copy()})
