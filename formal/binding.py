"""Looking into an elaborated design: its parts, its signals by name, its memories."""

import sys

from amaranth.hdl import Const, Fragment, Signal

__all__ = ["Design"]


class Design:
    """An elaborated component and what its ``elaborate`` called things.

    Parameters
    ----------
    component : Component
        Elaborated here, with all its parts.

    Attributes
    ----------
    component : Component
    fragment : Fragment
        To be used as a submodule; the ports are those of the component.
    """

    def __init__(self, component):
        self._locals = {}
        previous = sys.getprofile()
        sys.setprofile(self._note)
        try:
            self.fragment = Fragment.get(component, None)
        finally:
            sys.setprofile(previous)
        self.component = component

    def _note(self, frame, event, _):
        # Signals that are made several in a statement have no name of their own in the design.
        if event == "return" and frame.f_code.co_name == "elaborate" and "m" in frame.f_locals:
            self._locals[id(frame.f_locals["self"])] = dict(frame.f_locals)

    def part(self, *names):
        """The design of a part of a part ..., by instance names."""
        found = object.__new__(Design)
        found.fragment, found._locals = self.fragment, self._locals
        for name in names:
            found.fragment = found.fragment.find_subfragment(name)
        found.component = found.fragment.origins[0]
        return found

    def signal(self, name):
        """A signal by its name in ``elaborate``, or by the name that it was given."""
        local = self._locals[id(self.component)].get(name)
        if isinstance(local, Signal):
            return local
        found = {id(target): target for statements in self.fragment.statements.values()
                 for target in statements._lhs_signals() if target.name == name}
        if len(found) != 1:
            raise LookupError(f"Design must have one signal named {name!r}, not {len(found)}")
        return next(iter(found.values()))

    def cut(self, name):
        """Empty a part, which leaves its outputs undriven; gives its component."""
        old = self.fragment.find_subfragment(name)
        hollow = Fragment()
        hollow.origins = old.origins
        self.fragment.subfragments[:] = [(hollow if entry[0] is old else entry[0], *entry[1:])
                                         for entry in self.fragment.subfragments]
        return old.origins[0]

    def word(self, memory, address):
        """What a memory of the design holds at an address."""
        instance = self.fragment.find_subfragment(memory)
        word = Signal(instance._data.shape, name=f"{memory}_word")
        if isinstance(address, int):
            address = Const(address, (instance._data.depth - 1).bit_length())
        instance.read_port(domain="comb", addr=address, data=word, en=Const(1, 1),
                           transparent_for=())
        return word
