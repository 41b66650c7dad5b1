"""What a run prints when it has ended."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ..runs import BINS
from .picture import BIN_COLOURS
from .run import Run, Subject

__all__ = ["summary", "verdict"]


def verdict(run: Run) -> str:
    """One sentence: is the result the golden model's, and what does that rest on."""
    if run.bit_exact:
        return (f"bit-exact: all {run.d.size:,} values of D equal the golden model in every bit "
                f"({run.simulator})")
    return (f"not bit-exact: {run.wrong:,} of {run.d.size:,} values of D differ from the golden "
            f"model ({run.simulator})")


def summary(run: Run, subject: Subject) -> Group:
    """What was run, the verdict and the table of cycles, for a rich console."""
    m, n, k = run.shape
    zeros = [1 - (matrix != 0).mean() for matrix in (run.a, run.b)]
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_column()
    facts.add_row("network", f"{subject.network}, layer {subject.layer}")
    facts.add_row("image", f"{subject.image_name}: a {subject.label}; going on from the core's "
                           f"result the network answers {subject.answer}")
    facts.add_row("A, weights", f"{m} x {k}, {zeros[0]:.1%} zero")
    facts.add_row("B, activations", f"{k} x {n}, {zeros[1]:.1%} zero")
    facts.add_row("core", f"{run.config.name}: {run.config.multipliers} multipliers, "
                          f"{run.config.element}")
    facts.add_row("OHMMA", f"{run.sparse.ohmma:,} executed, {run.skip_rule:,} by the skip rule, "
                           f"{run.dense.ohmma:,} dense")

    cycles = Table(title="Cycles", title_justify="left", title_style="bold")
    cycles.add_column("bin")
    cycles.add_column("dense", justify="right")
    cycles.add_column("dual-side", justify="right")
    cycles.add_column("share", justify="right")
    for name in BINS:
        cycles.add_row(Text.assemble(("■ ", BIN_COLOURS[name]), name),
                       f"{run.dense.bins[name]:,}", f"{run.sparse.bins[name]:,}",
                       f"{run.sparse.bins[name] / run.sparse.cycles:.1%}")
    cycles.add_section()
    cycles.add_row("total", f"{run.dense.cycles:,}", f"{run.sparse.cycles:,}",
                   f"{run.speedup:.2f}x faster", style="bold")
    colour = "green" if run.bit_exact else "red"
    return Group(facts, Text(""), Text(verdict(run), style=f"bold {colour}"), cycles)
