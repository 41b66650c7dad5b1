"""The style sheet of the page: light and dark, one column, no fonts from elsewhere."""

__all__ = ["STYLE"]

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf8; --card: #fff; --ink: #22262b;
  --dim: #666d76; --line: #e2e0db; --good: #1d7a46; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181b; --card: #1f2226; --ink: #e6e7e9;
  --dim: #9aa1aa; --line: #33373d; --good: #57c78a; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: clamp(1.5rem, 5vw, 2.1rem); line-height: 1.2; margin: .2rem 0 .8rem;
  text-wrap: balance; }
h1 em { font-style: normal; font-family: ui-monospace, Menlo, Consolas, monospace;
  font-size: .9em; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .7rem; }
.over { margin: 0; color: var(--dim); font-size: .85rem; }
.verdict { display: inline-block; margin: 0 0 .4rem; padding: .35rem .8rem; border-radius: .5rem;
  border: 1px solid currentColor; font-weight: 600; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr));
  gap: .7rem; margin-top: 1.2rem; }
.figures div { display: flex; flex-direction: column; padding: .8rem 1rem; background: var(--card);
  border: 1px solid var(--line); border-radius: .7rem; }
.label, .note, dd, caption { color: var(--dim); font-size: .85rem; }
.value { font-size: 1.7rem; font-weight: 650; line-height: 1.25; }
.value, td { font-variant-numeric: tabular-nums; }
.bar { display: flex; align-items: center; gap: .6rem; margin: .35rem 0; font-size: .85rem; }
.bar .name { width: 4.4rem; color: var(--dim); }
.track { flex: 1; display: flex; height: 1.1rem; }
.track i:first-child { border-radius: .25rem 0 0 .25rem; }
.dot { display: inline-block; width: .7em; height: .7em; border-radius: .2em;
  margin-right: .5em; }
table { margin-top: .8rem; width: 100%; border-collapse: collapse; font-size: .92rem; }
th, td { padding: .3rem .4rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child { text-align: left; font-weight: 500; }
tfoot th, tfoot td { font-weight: 650; border-bottom: 0; }
caption { text-align: left; padding: .3rem .4rem; font-weight: 650; }
dl { margin: 1rem 0; }
dt { font-weight: 600; font-size: .92rem; }
dd { margin: 0 0 .5rem 1.2em; }
img { background: #fff; border-radius: .5rem; }
.wide { width: 100%; height: auto; padding: .4rem; border: 1px solid var(--line); }
.beside { display: flex; gap: 1.1rem; align-items: flex-start; flex-wrap: wrap; }
.beside p { flex: 1 1 16rem; margin: 0; }
.digit { width: 8.5rem; height: 8.5rem; image-rendering: pixelated; }
pre { white-space: pre-wrap; padding: .7rem .9rem; background: var(--card);
  border: 1px solid var(--line); border-radius: .5rem; font-size: .85rem; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr));
  gap: 1rem; align-items: start; }
.columns td { overflow-wrap: anywhere; }
a { color: inherit; }
"""
