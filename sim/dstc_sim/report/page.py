"""The page of a run: one HTML file that needs nothing else."""

import base64
import io
from collections.abc import Mapping
from html import escape

import numpy as np
from matplotlib import image as images

from ..bins import BIN_COLOURS, BIN_MEANINGS
from ..runs import BINS
from .document import document
from .run import Run, Subject
from .terminal import verdict

__all__ = ["render"]


def render(run: Run, subject: Subject, picture: bytes) -> str:
    """The HTML of a run.

    Parameters
    ----------
    run, subject : Run, Subject
    picture : bytes
        The PNG that :func:`dstc_sim.report.picture.draw` made.

    Returns
    -------
    str
        A page with its style and pictures inline and no script.
    """
    title = f"{subject.layer} on the {run.config.name} core"
    return document(f"{title} - dstc", "\n".join((
        _head(run, subject), _figures(run), _cycles(run), _operands(run, subject, picture),
        _subject(subject), _particulars(run, subject))))


def _head(run: Run, subject: Subject) -> str:
    m, n, k = run.shape
    state = "good" if run.bit_exact else "bad"
    return f"""<header>
<p class="over">dstc, dual-side sparse tensor core</p>
<h1>A pruned layer, <em>{escape(subject.layer)}</em>, on the emitted Verilog</h1>
<p class="verdict {state}">{escape(verdict(run))}</p>
<p>One layer of {escape(subject.network)}, with the activations of a real image, became the
matrix product <b>D = A B + C</b> of {m} x {k} by {k} x {n}. It was encoded, tiled and executed by
the core <b>{escape(run.config.name)}</b> ({run.config.multipliers} multipliers,
{escape(run.config.element)}), once skipping the zeros of both operands and once in dense
mode.</p>
</header>"""


def _figures(run: Run) -> str:
    dense, sparse = run.cycles
    used = run.sparse.multiplier_utilization or 0.0
    tiles = (("cycles", f"{sparse:,}", "dual-side"),
             ("dense cycles", f"{dense:,}", "same core, dense mode"),
             ("speedup", f"{run.speedup:.2f}x", f"{used:.0%} of the multipliers per OHMMA"))
    return '<section class="figures">' + "".join(
        f'<div><span class="label">{label}</span><span class="value" id="{label.replace(" ", "-")}"'
        f'>{value}</span><span class="note">{note}</span></div>'
        for label, value, note in tiles) + "</section>"


def _cycles(run: Run) -> str:
    dense, sparse = run.bins
    total_dense, total_sparse = run.cycles
    bars = "".join(
        f'<div class="bar"><span class="name">{name}</span><span class="track">' + "".join(
            f'<i style="width:{100 * bins[key] / max(run.cycles):.3f}%;'
            f'background:{BIN_COLOURS[key]}"></i>' for key in BINS)
        + "</span></div>" for name, bins in (("dense", dense), ("dual-side", sparse)))
    rows = "".join(
        f'<tr><th scope="row"><i class="dot" style="background:{BIN_COLOURS[key]}"></i>{key}</th>'
        f"<td>{dense[key]:,}</td><td>{sparse[key]:,}</td>"
        f"<td>{sparse[key] / total_sparse:.1%}</td></tr>" for key in BINS)
    meanings = "".join(
        f'<dt><i class="dot" style="background:{BIN_COLOURS[key]}"></i>{key}</dt>'
        f"<dd>{escape(text.format(rows=run.config.array_rows, cols=run.config.array_cols))}</dd>"
        for key, text in BIN_MEANINGS.items())
    return f"""<section>
<h2>Where the cycles went</h2>
{bars}
<table id="bins">
<thead><tr><th scope="col">bin</th><th scope="col">dense</th><th scope="col">dual-side</th>
<th scope="col">share</th></tr></thead>
<tbody>{rows}</tbody>
<tfoot><tr><th scope="row">total</th><td>{total_dense:,}</td><td>{total_sparse:,}</td>
<td>100.0%</td></tr></tfoot>
</table>
<dl>{meanings}</dl>
<p>Each cycle is in exactly one bin. The skip rule, counted from the zeros of the operands alone,
asks for {run.ohmma_per_k.sum():,} OHMMA; the core executed {run.sparse.ohmma["executed"]:,}. In
dense mode it executed {run.dense.ohmma["executed"]:,}; a machine that does one of these per cycle
and loses none would need {run.sparse.dense_cycles / total_sparse:.2f} times as long as the
dual-side run.</p>
</section>"""


def _operands(run: Run, subject: Subject, picture: bytes) -> str:
    m, n, k = run.shape
    config = run.config
    alt = (f"Density maps of A, {m} x {k}, and B transposed, {n} x {k}, with their tiles; the "
           "OHMMA of each k-step; stacked bars of the cycles, dense and dual-side.")
    zeros = [1 - np.count_nonzero(matrix) / matrix.size for matrix in (run.a, run.b)]
    channels, height, width = subject.feature_map
    return f"""<section>
<h2>The operands</h2>
<p>White is a zero. Both maps share the k axis, so one column is one outer product; the fine
lines are tiles of {config.tile_m} x {config.tile_k} (A) and {config.tile_k} x {config.tile_n} (B).
A holds the weights, {zeros[0]:.1%} zero. B holds the activations that entered the layer,
{channels} maps of {height} x {width} with {subject.feature_map_zeros:.1%} zeros, lowered to a
matrix of {escape(config.element)} values with {zeros[1]:.1%} zeros. C is the
bias, so the sums do not start from zero.</p>
<img class="wide" alt="{escape(alt)}" src="{_inline(picture)}">
</section>"""


def _subject(subject: Subject) -> str:
    stream = io.BytesIO()
    images.imsave(stream, np.stack([subject.image] * 3, axis=-1), format="png")
    return f"""<section>
<h2>The network and the image</h2>
<div class="beside">
<img class="digit" alt="The image, a {subject.label}" src="{_inline(stream.getvalue())}">
<p>{escape(subject.about)} It looked at a <b>{subject.label}</b>,
{escape(subject.image_name)}. With the core's result put in place of the layer's output the
network answers <b id="answer">{subject.answer}</b>.</p>
</div>
</section>"""


def _particulars(run: Run, subject: Subject) -> str:
    config = _rows(run.config.to_dict())
    tools = _rows({**run.sparse.tools, "simulated by": run.sparse.simulator,
                   "simulation": f"{run.sparse.seconds:.2f} s sparse, "
                                 f"{run.dense.seconds:.2f} s dense"})
    files = ", ".join(f'<a href="{escape(name, quote=True)}">{escape(name)}</a>' for name in (
        *(path.name for path in run.files), "matrices.npz", "picture.png"))
    return f"""<section>
<h2>To remake it</h2>
<pre>{escape(subject.command)}</pre>
<p>Beside this page: {files}.</p>
<div class="columns">
<table><caption>Configuration</caption>{config}</table>
<table><caption>Tools</caption>{tools}</table>
</div>
</section>"""


def _rows(facts: Mapping[str, object]) -> str:
    return "".join(f'<tr><th scope="row">{escape(str(key))}</th><td>{escape(str(value))}</td></tr>'
                   for key, value in facts.items())


def _inline(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
