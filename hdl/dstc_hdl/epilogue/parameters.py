"""Parameters of the columns: bias and requantisation."""

from amaranth import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from .layouts import parameter_write_layout, scale_layout

__all__ = ["ParameterStore"]


class ParameterStore(wiring.Component):
    """Bias and, for int8, requantisation of every column, twice.

    Timing: reads are combinational; a write shows in the next cycle.  Nothing is reset.

    Parameters
    ----------
    config : Config

    Members
    -------
    write : ``In(parameter_write_layout(config))``
    half : ``In(1)``, group : ``In(range(col_groups))``
        What to read.
    bias : ``Out(ArrayLayout(32, S))``
    scale : ``Out(ArrayLayout(scale_layout(), S))``
        Only for int8.
    """

    def __init__(self, config):
        self._config = config
        ports = {
            "write": In(parameter_write_layout(config)),
            "half": In(1),
            "group": In(range(config.col_groups)),
            "bias": Out(data.ArrayLayout(config.acc_bits, config.array_cols)),
        }
        if not config.format.is_float:
            ports["scale"] = Out(data.ArrayLayout(scale_layout(), config.array_cols))
        super().__init__(ports)

    def elaborate(self, platform):
        m = Module()
        for q in range(self._config.array_cols):
            self._column(m, f"bias_{q}", q, ~self.write.scale, self.bias[q])
            if not self._config.format.is_float:
                self._column(m, f"scale_{q}", q, self.write.scale, self.scale[q].as_value())
        return m

    def _column(self, m, name, q, chosen, target):
        """The parameters of one kind of columns q, q + S, ..."""
        pairs = self._config.array_cols // 2
        pair_bits = (pairs - 1).bit_length()
        at = Cat(self.group, self.half)
        store = memory.Memory(shape=len(target), depth=1 << len(at), init=[])
        m.submodules[name] = store
        write, read = store.write_port(), store.read_port(domain="comb")
        group = self.write.pair[pair_bits:]
        m.d.comb += [
            write.en.eq(self.write.en & chosen & (self.write.pair[:pair_bits] == q // 2)),
            write.addr.eq(Cat(group, self.write.half)),
            write.data.eq(self.write.words[q % 2]),
            read.addr.eq(at),
            target.eq(read.data),
        ]
