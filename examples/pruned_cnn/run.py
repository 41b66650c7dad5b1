"""One layer of the pruned network, with a real image, on the emitted Verilog.

Usage: ``.venv/bin/python examples/pruned_cnn/run.py --out build/run`` (what ``make run`` does).
Exit code 1: the core's result is wrong; 2: an option is; nothing has been written then.
"""

import argparse
import shlex
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from dstc.config import CONFIGS, Config, get_config
from dstc.errors import DstcError
from dstc.golden import matmul
from dstc.pruned_cnn import LAYERS, Lowered, Network, load_digits, lower
from dstc_sim.engine import RtlEngine
from dstc_sim.report import Run, Subject, summary, write
from dstc_sim.runs import SimulationError

__all__ = ["main"]

# Inner layer with many zeros on both sides; the first held-out 7.
LAYER, IMAGE = "block1.conv2", 7


def main(arguments: list[str] | None = None) -> int:
    """Run as told by the arguments (those of the process by default); gives the exit code."""
    options = parser().parse_args(arguments)
    try:
        return execute(options.config, options.layer, options.image, options.simulator,
                       options.out)
    except (DstcError, OSError) as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 2
    except SimulationError as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="run.py", description="Run one layer of the pruned network, with a real image, on "
        "the emitted Verilog of the core; compare it with numpy in every bit and report.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    options.add_argument("--config", default="paper", help=f"core: {', '.join(CONFIGS)}")
    options.add_argument("--layer", default=LAYER, help=f"layer: {', '.join(LAYERS)}")
    options.add_argument("--image", type=int, default=IMAGE,
                         help="held-out digit, 0 to 999; number n shows the digit n mod 10")
    options.add_argument("--simulator", default="verilator", help="verilator or icarus (slow)")
    options.add_argument("--out", type=Path, default=Path("build/run"),
                         help="folder of the report")
    return options


def execute(config_name: str, layer: str, image: int, simulator: str, out: Path) -> int:
    """Everything from the image to the report.

    Returns
    -------
    int
        0, or 1 when the core's result differs from the golden model.

    Raises
    ------
    DstcError
        If there is no such configuration, layer, image or simulator, or ``out`` cannot be a
        folder.
    SimulationError
        If the core hangs or stops with an error.
    """
    config = get_config(config_name)
    images, labels = load_digits()
    if not 0 <= image < len(images):
        raise DstcError(f"Image must be from 0 to {len(images) - 1}, not {image}")
    if simulator == "pysim":
        raise DstcError("Simulator must be one of the emitted Verilog, verilator or icarus, "
                        "not 'pysim'")
    engine = RtlEngine(simulator=simulator)
    if out.exists() and not out.is_dir():
        raise DstcError(f"Output must be a folder, not the file {out}")
    network = Network.load()
    x = network.capture(images[image], layer)
    lowered = lower(network, layer, x, config.format)

    run = simulate(engine, config, lowered)
    answer = network.answer_with(images[image], layer, lowered.feature_map(run.sparse.out))
    command = shlex.join((".venv/bin/python", "examples/pruned_cnn/run.py", "--config",
                          config_name, "--layer", layer, "--image", str(image), "--simulator",
                          simulator, "--out", str(out)))
    subject = Subject(
        network="a small residual CNN", layer=layer, about=about(network), image=images[image],
        image_name=f"number {image} of {len(images):,} held-out digits", label=int(labels[image]),
        answer=int(answer.argmax()), feature_map=x.shape,
        feature_map_zeros=float(np.mean(x == 0)), command=command)
    console = Console(highlight=False)
    if not run.bit_exact:
        console.print(summary(run, subject))
        return 1
    page = write(out, run, subject)
    console.print(f"report: {page}", soft_wrap=True)
    console.print(summary(run, subject))
    return 0


def simulate(engine: RtlEngine, config: Config, lowered: Lowered) -> Run:
    """The golden model, then the core in both modes, with progress on standard error."""
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(),
                  console=Console(stderr=True)) as progress:
        def step(text: str) -> None:
            for task in progress.task_ids:
                progress.update(task, total=1, completed=1)
            progress.add_task(text, total=None)

        step("golden model in numpy")
        expected = matmul(lowered.a, lowered.b, lowered.c)
        step(f"emit and compile core {config.name} (minutes the first time, then cached)")
        engine.prepare(config)
        step("simulate, skipping zeros")
        sparse = engine.run(lowered.a, lowered.b, lowered.c, config=config)
        step("simulate, dense mode")
        dense = engine.run(lowered.a, lowered.b, lowered.c, config=config, mode="dense")
        for task in progress.task_ids:
            progress.update(task, total=1, completed=1)
    return Run(a=lowered.a, b=lowered.b, c=lowered.c, expected=expected, sparse=sparse,
               dense=dense)


def about(network: Network) -> str:
    """Where the network comes from, in figures that training measured."""
    sizes = {name: weight.size for name, weight in network.weights.items()}
    zeros = sum(network.record["weight_zeros"][name] * size for name, size in sizes.items())
    top1 = network.record["top1"]
    return (f"A residual CNN with {sum(sizes.values()):,} weights, trained and pruned by "
            f"examples/pruned_cnn/train.py: {zeros / sum(sizes.values()):.1%} of the weights are "
            f"zero, and it names {top1['pruned_fp16']:.1%} of "
            f"{network.record['held_out_images']:,} held-out MNIST digits rightly "
            f"({top1['dense']:.1%} before pruning).")


if __name__ == "__main__":
    sys.exit(main())
