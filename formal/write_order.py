"""WritePort: the n-th burst and the n-th row of beats on the bus belong together."""

from amaranth import Array, Mux, Signal

from dstc.accelerator.records import ADDRESS_BITS

from .binding import Design
from .harness import Harness

__all__ = ["WriteOrder"]

ID_BITS = 6     # bursts are numbered modulo 2 ** ID_BITS, which is more than can be held


class WriteOrder(Harness):
    """A write port under any runs, beside ghosts that number the bursts.

    Pieces of runs are numbered as they are cut, bursts and rows of beats as they are taken from
    the port.  Watched is one number, any one.  ``whole``: the burst of that number has as many
    beats as the piece, and so has the row, whose final beat alone has ``last``.

    Assumed: within a run every address follows the one before; the memory answers a burst after
    it took all of its beats.

    Parameters
    ----------
    component : WritePort
    acc : AcceleratorConfig or Bus
    """

    def __init__(self, component, acc):
        super().__init__()
        self.component, self.acc = component, acc
        self.design = Design(component)
        self.m.submodules.dut = self.design.fragment
        self.cutter = self.design.part("cutter")
        self.beats = self.cutter.part("beats")
        self.number = self.cutter.signal("number")
        self.watched = self.constant("watched", 1 << ID_BITS)
        self.size = Signal.like(self.number, name="ghost_size")     # of the watched piece, less one
        self.environment()
        self.pieces()
        self.places()
        self.ports()
        self.tie(self.tie_ring, self.tie_places, self.tie_bursts)

    def environment(self):
        """Any runs, any bus."""
        i, bus = self.component.i, self.component.bus
        self.free(i.valid, i.payload, bus.aw.ready, bus.w.ready, bus.b.valid, bus.b.payload,
                  self.component.stop, self.component.window_first, self.component.window_last)
        bits = (self.acc.data_bytes - 1).bit_length()
        self.is_open = Signal(name="ghost_open")
        self.follows = Signal(ADDRESS_BITS, name="ghost_follows")
        self.assume(~i.valid | ~self.is_open | (i.p.address == self.follows))
        self.at = self.follows[bits:8]
        with self.m.If(i.valid & i.ready):
            self.m.d.sync += [self.is_open.eq(~i.p.final),
                              self.follows.eq(i.p.address + self.acc.data_bytes)]

    def pieces(self):
        """Numbers of the pieces; ``piece`` is the one that the next beat belongs to."""
        i, bits = self.component.i, (self.acc.data_bytes - 1).bit_length()
        self.take, self.cut = Signal(name="ghost_take"), Signal(name="ghost_cut")
        self.piece = Signal(ID_BITS, name="ghost_piece")
        self.m.d.comb += [self.take.eq(i.valid & i.ready),
                          self.cut.eq(i.p.final | i.p.address[bits:8].all())]
        with self.m.If(self.take & self.cut):
            self.m.d.sync += self.piece.eq(self.piece + 1)
            with self.m.If(self.piece == self.watched):
                self.m.d.sync += self.size.eq(self.number)

    def places(self):
        """Number of the piece, and of the beat within it, beside every beat that is held."""
        queue = self.beats.component
        self.count = queue.depth - 1
        self.level = self.beats.signal("inner_level")
        self.produce, self.consume = (self.beats.signal(name) for name in ("produce", "consume"))
        self.ids = Array(Signal(ID_BITS, name=f"ghost_id_{n}") for n in range(self.count))
        self.numbers = Array(Signal.like(self.number, name=f"ghost_number_{n}")
                             for n in range(self.count))
        self.exit_id = Signal(ID_BITS, name="ghost_exit_id")
        self.exit_number = Signal.like(self.number, name="ghost_exit_number")
        with self.m.If(self.take):
            self.m.d.sync += [self.ids[self.produce].eq(self.piece),
                              self.numbers[self.produce].eq(self.number)]
        with self.m.If((self.level != 0) & (~queue.r_rdy | queue.r_en)):
            self.m.d.sync += [self.exit_id.eq(self.ids[self.consume]),
                              self.exit_number.eq(self.numbers[self.consume])]

    def ports(self):
        """Numbers of what is on offer."""
        aw, w = self.component.bus.aw, self.component.bus.w
        self.burst, self.row = (Signal(ID_BITS, name=f"ghost_{name}") for name in ("burst", "row"))
        self.beat = Signal.like(self.number, name="ghost_beat")
        self.sent = Signal(ID_BITS, name="ghost_sent")      # rows that have no answer
        b = self.component.bus.b
        self.assume(~b.valid | (self.sent != 0))
        self.m.d.sync += [self.burst.eq(self.burst + (aw.valid & aw.ready)),
                          self.sent.eq(self.sent + (w.valid & w.ready & w.p.last) - b.valid)]
        with self.m.If(w.valid & w.ready):
            self.m.d.sync += [self.beat.eq(Mux(w.p.last, 0, self.beat + 1)),
                              self.row.eq(self.row + w.p.last)]
        self.claim("whole", ~aw.valid | (self.burst != self.watched) | (aw.p.len == self.size),
                   ~w.valid | (self.row != self.watched) | (
                       (self.beat <= self.size) & (w.p.last == (self.beat == self.size))))

    def tie_ring(self):
        """The ring of beats, and where the open piece is in its block."""
        produce = self.consume + self.level
        yield from (self.level <= self.count, self.consume < self.count,
                    self.produce == Mux(produce >= self.count, produce - self.count, produce))
        yield (self.number == 0) | (self.is_open & (self.number <= self.at))

    def _beat(self, piece, number, last, behind, after):
        """A beat that is held: ``behind`` it are so many; ``after``: numbers of the next one."""
        yield (self.piece - piece)[:ID_BITS] <= behind + 1
        yield (piece != self.piece) | (~last & (number < self.number))
        yield (piece != self.watched) | (piece == self.piece) | (
            (number <= self.size) & (last == (number == self.size)))
        yield (after[0] == (piece + last)[:ID_BITS]) & (
            after[1] == Mux(last, 0, number + 1)[:len(number)])

    def tie_places(self):
        """Beats are numbered one after the other, from the one on the bus to the next to come."""
        queue, top = self.beats.component, self.acc.data_bits + self.acc.data_bytes
        coming = (self.piece, self.number)
        for n in range(self.count):
            offset = Mux(self.consume <= n, n - self.consume, n + self.count - self.consume)
            behind = (self.level - offset - 1)[:6]
            follower = (n + 1) % self.count
            after = tuple(Mux(behind == 0, new, old[follower])
                          for new, old in zip(coming, (self.ids, self.numbers), strict=True))
            for fact in self._beat(self.ids[n], self.numbers[n],
                                   self.beats.word("storage", n)[top], behind, after):
                yield (offset >= self.level) | fact
        first = tuple(Mux(self.level == 0, new, old[self.consume])
                      for new, old in zip(coming, (self.ids, self.numbers), strict=True))
        for fact in self._beat(self.exit_id, self.exit_number, queue.r_data[top], self.level,
                               first):
            yield ~queue.r_rdy | fact
        yield Mux(queue.r_rdy, (self.row == self.exit_id) & (self.beat == self.exit_number),
                  (self.row == first[0]) & (self.beat == first[1]))

    def tie_bursts(self):
        """Queue and register hold the bursts of the last pieces."""
        aw, queue = self.component.bus.aw, self.cutter.part("bursts", "queue")
        inner, depth = queue.component, queue.component.depth
        consume, produce = queue.signal("consume"), queue.signal("produce")
        first = (self.piece - inner.level)[:ID_BITS]
        yield from (inner.level <= depth, self.burst == (first - aw.valid)[:ID_BITS],
                    produce == (consume + inner.level)[:len(produce)])
        sending, asked = self.design.signal("sending"), self.design.part("asked", "queue")
        yield sending == (first - self.row)[:ID_BITS]
        yield (asked.component.level == sending + self.sent) & (asked.component.level <= 16)
        for n in range(depth):
            offset = (n - consume)[:len(consume)]
            size = queue.word("storage", n)[ADDRESS_BITS:]
            yield (offset >= inner.level) | ((first + offset)[:ID_BITS] != self.watched) | (
                size == self.size)
        yield ~aw.valid | (self.burst != self.watched) | (aw.p.len == self.size)
