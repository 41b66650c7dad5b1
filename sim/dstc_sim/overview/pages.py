"""The frame of the pages, and the first one."""

from html import escape

from ..report.document import document

__all__ = ["COMMANDS", "frame", "index_page", "with_navigation"]

COMMANDS = {
    "tile.html": "dstc explain --html tile.html",
    "network-profile.html": "dstc profile model.onnx --input digit.npy "
                            "--html network-profile.html",
    "breakeven.html": "dstc breakeven --layers docs/results/convolution.json -o .",
}
"""Pages that commands make, and the commands."""

TITLES = {"index.html": "Report", "tile.html": "One tile, cycle by cycle",
          "breakeven.html": "Break-even map", "network-profile.html": "A network"}
NAVIGATION_STYLE = """
.site { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; max-width: 76rem; margin: 0 auto;
  padding: .6rem 1rem 0; font-size: .9rem; }
.site a[aria-current] { font-weight: 650; text-decoration: none; }
"""
OWN_STYLE = """
main { max-width: 54rem; }
h3 { margin: 1.8rem 0 .2rem; }
h4 { margin: 1rem 0 .3rem; font-weight: 600; font-size: .92rem; }
section p { margin: .3rem 0 .6rem; }
code { overflow-wrap: anywhere; font-size: .88em; }
li, p { overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
.scroll table { width: auto; }
.scroll td, .scroll th { white-space: nowrap; }
.bars { margin: .4rem 0 1rem; }
.bars .bar { margin: .12rem 0; }
.bars .name { width: 8.5rem; overflow-wrap: anywhere; }
.bars .track i { background: #7f9bbd; border-radius: .2rem; }
.bars .ours i { background: #1d5fa8; }
.bars .ours .name { color: var(--ink); font-weight: 600; }
.bars b { width: 4.8rem; text-align: right; font-variant-numeric: tabular-nums; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: .8rem; }
.cards a { display: block; padding: .9rem 1rem; background: var(--card); border-radius: .7rem;
  border: 1px solid var(--line); text-decoration: none; }
.figures { margin-bottom: 1rem; }
.cards b { display: block; text-decoration: underline; }
pre { overflow-x: auto; }
:focus-visible { outline: 3px solid #17808a; outline-offset: 2px; }
"""

HOW = """
<p>A matrix product is a sum of <b>outer products</b>: for every k, column k of A times row k of B.
In an outer product every non-zero of the column meets every non-zero of the row, so each side can
be <b>condensed</b> on its own: a bitmap says where the non-zeros are, and only they are stored and
multiplied. With a and b non-zeros, an array of R x S multipliers needs ceil(a/R) x ceil(b/S)
cycles instead of all of them, and none if a side is empty.</p>
<p>The price is that products of one cycle belong to scattered places of the result. Every
multiplier has its own bank of accumulators, operands travel to the multiplier of the bank where
their product belongs, and an <b>operand collector</b> lets each bank work through them at its own
pace. So conflicts cost almost nothing, and each accumulator still gets its products in
order: results equal numpy's in every bit.</p>
"""


def _navigation(current: str) -> str:
    here = {current: ' aria-current="page"'}
    return '<nav class="site" aria-label="Pages of the report">' + "".join(
        f'<a href="{name}"{here.get(name, "")}>{escape(title)}</a>'
        for name, title in TITLES.items()) + "</nav>"


def with_navigation(page: str, name: str) -> str:
    """A page of another command with the links of the report above it."""
    return page.replace("</head>", f"<style>{NAVIGATION_STYLE}</style></head>", 1).replace(
        "<body>", f"<body>{_navigation(name)}", 1)


def frame(title: str, body: str, name: str = "") -> str:
    """A page without scripts."""
    return document(f"{title} - dstc", body, style=NAVIGATION_STYLE + OWN_STYLE,
                    above=_navigation(name), pictures="'self' data:")


def index_page(machine: str, first: str, blocks: dict[str, list[str]]) -> str:
    """The first page.

    Parameters
    ----------
    machine : str
        The picture of the machine as a data address.
    first : str
        HTML of the figures to begin with.
    blocks : dict
        HTML of the sections by the heading they stand under.
    """
    told = {
        "tile.html": "What the core does with one warp tile, as an animation.",
        "breakeven.html": "From which densities on it beats dense, 2:4 and RM-STC; layers of "
                          "networks as dots.",
        "network-profile.html": "The pruned CNN on a digit: every layer, and what limits it."}
    cards = "".join(f'<a href="{name}"><b>{escape(TITLES[name])}</b>{escape(text)} '
                    f"<code>{escape(COMMANDS[name])}</code></a>" for name, text in told.items())
    groups = "".join(f"<h2>{escape(heading)}</h2>{''.join(parts)}"
                     for heading, parts in blocks.items())
    return frame("Dual-side sparse tensor core", f"""<header>
<p class="over">dstc, dual-side sparse tensor core</p>
<h1>What the machine does, and what it is worth</h1>
<p>A matrix unit that skips the zeros of weights and activations, generated as Verilog, with
the figures that were measured on it. Each table names its command, configuration and tools.</p>
{first}
</header>
<h2>To play with</h2>
<section class="cards">{cards}</section>
<h2>How it works</h2>
<img class="wide" alt="Operand buffers, bitmap unit, crossbar, collector, multipliers and banks"
 src="{machine}">
{HOW}
<h2>When it pays</h2>
<p>Speedup over a dense machine over the densities of both operands, with three kinds of zeros.
<a href="breakeven.html">The map</a> tells the figures of every cell.</p>
<img class="wide" alt="Break-even map: speedup over the densities of A and B, with the lines where
 the core beats dense, 2:4 and RM-STC" src="breakeven.png">
{groups}""", "index.html")
