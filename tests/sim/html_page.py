"""A parser for pages that refuses tags that do not nest."""

from html.parser import HTMLParser

__all__ = ["NestedPage"]

VOID = {"meta", "img", "br", "link", "hr", "input"}


class NestedPage(HTMLParser):
    """Tags with their attributes; ``open`` has those around the current place, with their ids.

    What is between the tags is for ``handle_data`` of a subclass, which prepares for it before it
    calls this ``__init__``.
    """

    def __init__(self, text):
        super().__init__()
        self.open, self.tags = [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append((tag, dict(attributes).get("id")))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag
