"""The HTML document around a page without scripts."""

from html import escape

from .style import STYLE

__all__ = ["document"]


def document(title: str, body: str, *, style: str = "", above: str = "",
             pictures: str = "data:") -> str:
    """A whole page: one column in the shared style, nothing loaded from elsewhere.

    Parameters
    ----------
    title : str
        Of the window; text, not HTML.
    body : str
        HTML of the column.
    style : str
        Style sheet after the shared one.
    above : str
        HTML above the column.
    pictures : str
        Where pictures may come from, as a Content-Security-Policy says it.
    """
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src {pictures}">
<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style>{STYLE}{style}</style>
</head>
<body>
{above}
<main>
{body}
</main>
</body>
</html>
"""
