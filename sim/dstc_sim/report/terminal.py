"""What a run prints when it has ended."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ..bins import BIN_COLOURS
from ..runs import BINS
from .run import Run, Subject, wrong_values

__all__ = ["summary", "verdict"]


def verdict(run: Run) -> str:
    """One sentence: is the result the golden model's."""
    size = run.expected.size
    if run.bit_exact:
        return f"bit-exact: all {size:,} values, sparse and dense, equal numpy's in every bit"
    sparse, dense = (wrong_values(result, run.expected) for result in (run.sparse, run.dense))
    return (f"not bit-exact: of {size:,} values {sparse:,} sparse and {dense:,} dense ones differ "
            "from numpy's")


def summary(run: Run, subject: Subject) -> Group:
    """What was run, the verdict and the table of cycles, for a rich console."""
    m, n, k = run.shape
    zeros = [1 - (matrix != 0).mean() for matrix in (run.a, run.b)]
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_column()
    facts.add_row("network", f"{subject.network}, layer {subject.layer}")
    facts.add_row("image", f"a {subject.label}, {subject.image_name}; going on from the core's "
                           f"result the network answers {subject.answer}")
    facts.add_row("A, weights", f"{m} x {k}, {zeros[0]:.1%} zero")
    facts.add_row("B, activations", f"{k} x {n}, {zeros[1]:.1%} zero")
    facts.add_row("core", f"{run.config.name}: {run.config.multipliers} multipliers, "
                          f"{run.config.element}; Verilog simulated by {run.sparse.simulator}")
    facts.add_row("OHMMA", f"{run.sparse.ohmma['executed']:,} executed, "
                           f"{run.ohmma_per_k.sum():,} by the skip rule, "
                           f"{run.dense.ohmma['executed']:,} dense")

    dense, sparse = run.bins
    cycles = Table(title="Cycles", title_justify="left", title_style="bold")
    cycles.add_column("bin")
    cycles.add_column("dense", justify="right")
    cycles.add_column("dual-side", justify="right")
    cycles.add_column("share", justify="right")
    for name in BINS:
        cycles.add_row(Text.assemble(("■ ", BIN_COLOURS[name]), name), f"{dense[name]:,}",
                       f"{sparse[name]:,}", f"{sparse[name] / run.cycles[1]:.1%}")
    cycles.add_section()
    cycles.add_row("total", f"{run.cycles[0]:,}", f"{run.cycles[1]:,}",
                   f"speedup {run.speedup:.2f}x", style="bold")
    colour = "green" if run.bit_exact else "red"
    return Group(facts, Text(""), Text(verdict(run), style=f"bold {colour}"), cycles)
