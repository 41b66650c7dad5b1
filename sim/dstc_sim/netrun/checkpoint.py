"""What a run of a network has computed so far, on disk, so that an interrupted run continues."""

import fcntl
import hashlib
import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from dstc.errors import DstcError
from dstc.fileio import atomic_write

from .network_run import LayerOutcome

__all__ = ["Checkpoint", "run_key"]

# What the readers raise for bytes that are not what they were.
_DAMAGED = (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile)


def run_key(facts: Mapping[str, Any], model: bytes, arrays: Mapping[str, NDArray[Any]]) -> str:
    """A name for everything that decides the results of a run.

    Parameters
    ----------
    facts : mapping
        Configuration, engine and options, in a form that JSON takes.
    model : bytes
    arrays : mapping of numpy.ndarray
        What the model is fed with.
    """
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    digest.update(hashlib.sha256(model).digest())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name}{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:32]


class Checkpoint:
    """Finished layers and samples of one run; a context that no other process can enter.

    A file appears when it is complete, so an interrupted run leaves none in part.

    Parameters
    ----------
    folder : Path
        Made when missing.
    key : str
        Of :func:`run_key`.

    Raises
    ------
    DstcError
        If the folder belongs to another run, is in use, holds other files or cannot be made.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder, self._mark = folder, folder / "run.json"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DstcError(f"Checkpoint must be a folder that can be made, not {folder} "
                            f"({error.strerror})") from None
        if self._mark.is_file():
            if _facts(self._mark) != {"key": key}:
                raise DstcError(f"Checkpoint {folder} must be that of the same model, inputs and "
                                "options, not of another run")
        elif any(folder.iterdir()):
            raise DstcError(f"Checkpoint {folder} must be empty or that of a run, not hold other "
                            "files")
        else:
            _write(self._mark, {"key": key})
        self._lock = open(self._mark, "rb")  # noqa: SIM115 - closed when the context is left
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise DstcError(f"Checkpoint {folder} must be used by one run at a time, not by "
                            "another one now") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._mark.is_file() and not any(self._folder.glob("sample-*")):
            # Refused before anything was computed: nothing to continue.
            self.remove()
        self._lock.close()

    def layer(self, sample: int, step: int) -> tuple[LayerOutcome, NDArray[Any]] | None:
        """A layer that has been computed.

        Raises
        ------
        DstcError
            If what is stored is damaged; so for samples.
        """
        facts, values = self._layer_files(sample, step)
        if not facts.is_file() or not values.is_file():
            return None
        try:
            return LayerOutcome(**_facts(facts)), np.load(values, allow_pickle=False)
        except _DAMAGED:
            raise self._damaged(facts) from None

    def keep_layer(self, sample: int, step: int, outcome: LayerOutcome, out: NDArray[Any]
                   ) -> None:
        """Remember a layer."""
        facts, values = self._layer_files(sample, step)
        facts.parent.mkdir(exist_ok=True)
        with atomic_write(values) as file:
            np.save(file, out, allow_pickle=False)
        _write(facts, outcome.to_dict())

    def sample(self, sample: int) -> tuple[list[LayerOutcome], dict[str, NDArray[Any]]] | None:
        """A sample that is finished."""
        facts, values = self._sample_files(sample)
        if not facts.is_file() or not values.is_file():
            return None
        try:
            stored = _facts(facts)
            # Opened here: numpy leaves files open that it refuses.
            with open(values, "rb") as file, np.load(file, allow_pickle=False) as arrays:
                outputs = {name: arrays[f"output_{n}"]
                           for n, name in enumerate(stored["outputs"])}
            return [LayerOutcome(**layer) for layer in stored["layers"]], outputs
        except _DAMAGED:
            raise self._damaged(facts) from None

    def keep_sample(self, sample: int, layers: list[LayerOutcome],
                    outputs: Mapping[str, NDArray[Any]]) -> None:
        """Remember a finished sample and forget its layers."""
        facts, values = self._sample_files(sample)
        with atomic_write(values) as file:
            arrays: dict[str, Any] = {f"output_{n}": array
                                      for n, array in enumerate(outputs.values())}
            np.savez(file, **arrays)
        _write(facts, {"outputs": list(outputs), "layers": [one.to_dict() for one in layers]})
        shutil.rmtree(self._layer_files(sample, 0)[0].parent, ignore_errors=True)

    def remove(self) -> None:
        """Forget everything: the run is done.  What others put into the folder stays."""
        for place in self._folder.glob("sample-*"):
            if place.is_dir():
                shutil.rmtree(place, ignore_errors=True)
            else:
                place.unlink(missing_ok=True)
        self._mark.unlink(missing_ok=True)
        if not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _layer_files(self, sample: int, step: int) -> tuple[Path, Path]:
        base = self._folder / f"sample-{sample:06}" / f"step-{step:04}"
        return base.with_suffix(".json"), base.with_suffix(".npy")

    def _sample_files(self, sample: int) -> tuple[Path, Path]:
        base = self._folder / f"sample-{sample:06}"
        return base.with_suffix(".json"), base.with_suffix(".npz")

    def _damaged(self, file: Path) -> DstcError:
        return DstcError(f"Checkpoint must be as it was written, not damaged as {file} and its "
                         f"array: delete {self._folder} to start anew")


def _facts(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DstcError(f"Checkpoint file {path} must be readable JSON, not damaged ({error})"
                        ) from None


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    with atomic_write(path) as file:
        file.write(json.dumps(facts).encode())
