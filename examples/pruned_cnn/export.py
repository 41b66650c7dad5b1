"""The example network as files: an ONNX model, its held-out digits and their labels.

Usage: python examples/pruned_cnn/export.py --out build/pruned_cnn
"""

import argparse
from pathlib import Path

import numpy as np

from dstc.fileio import atomic_write
from dstc.pruned_cnn import Network, load_digits
from dstc.pruned_cnn.exchange import onnx_model


def main() -> None:
    """Write ``model.onnx``, ``images.npy`` and ``labels.npy``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build/pruned_cnn"))
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = load_digits()
    with atomic_write(folder / "model.onnx") as file:
        file.write(onnx_model(Network.load()).SerializeToString(deterministic=True))
    for name, array in (("images", images[:, None].astype(np.float32)),
                        ("labels", labels.astype(np.int64))):
        with atomic_write(folder / f"{name}.npy") as file:
            np.save(file, array)
        print(folder / f"{name}.npy")
    print(folder / "model.onnx")


if __name__ == "__main__":
    main()
