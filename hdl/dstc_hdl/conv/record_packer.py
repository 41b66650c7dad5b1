"""Record packer: makes tile records from pieces of k-steps."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ..layouts import address_bits, beat_layout, tile_values
from ..select import select

__all__ = ["RecordPacker", "piece_layout"]


def piece_layout(config, lanes):
    """A piece of a k-step: bits of its bitmap and their values.

    ``end``: the k-step is complete after this piece; ``close``: the record is.
    """
    return data.StructLayout({
        "bits": config.tile_m,
        "count": range(lanes + 1),
        "values": data.ArrayLayout(config.element_bits, lanes),
        "end": 1,
        "close": 1,
    })


class RecordPacker(wiring.Component):
    """Record packer.

    Collects the pieces of a side-A tile record (docs/format.md) and sends its beats: bitmaps,
    then values; a record without values has no value beat.  The record that is sent and the one
    that is collected each have their own half of the memory, so the two overlap.

    A piece brings ``count`` values, the first ones of ``values``, for as many set ``bits``.  The
    bits of the pieces of a k-step are joined; no bit may come twice in a k-step, and every value
    belongs behind those that came before.  ``close`` completes the record, and its k-step with
    or without ``end``; the k-steps that are missing are empty.

    Timing: a piece is taken in ``max(1, ceil(count / 2R))`` cycles, a beat having 2R values.  The
    last of them is a cycle without a beat of the previous record on offer, or the one that takes
    its final beat, if the piece has ``close``.  The first beat is on offer in the cycle after
    that, one beat per cycle.  ``i.ready`` depends on ``i`` and ``o.ready`` combinationally.

    Parameters
    ----------
    config : Config
    lanes : int
        Most values of a piece, at least 1.

    Members
    -------
    i : ``In(stream.Signature(piece_layout(config, lanes)))``
    o : ``Out(stream.Signature(beat_layout(config.a_beat_bits)))``
        ``last`` is set with the final beat of a record.
    error : ``Out(1)``
        The piece taken in this cycle has bits, values or ``end`` after ``tile_k`` complete
        k-steps; all of it is left out but ``close``.

    Raises
    ------
    ValueError
        If ``lanes`` is not an integer of at least 1.
    """

    def __init__(self, config, lanes):
        if not isinstance(lanes, int) or lanes < 1:
            raise ValueError(f"Record packer lanes must be an integer of at least 1, not {lanes!r}")
        self._config = config
        self._lanes = lanes
        self._per_beat = config.a_beat_values
        self._rows = tile_values(config, "A") // self._per_beat
        self._bitmap_beats = -(-config.tile_k * config.tile_m // config.a_beat_bits)
        super().__init__({
            "i": In(stream.Signature(piece_layout(config, lanes))),
            "o": Out(stream.Signature(beat_layout(config.a_beat_bits))),
            "error": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        piece, config = self.i.p, self._config
        k = Signal(range(config.tile_k + 1))
        total = Signal(range(tile_values(config, "A") + 1))
        half = Signal()
        # Of the half that is sent: whether it can take another record at the end of this cycle.
        free = Signal()
        used, storing, final = Signal(), Signal(), Signal()
        excess, taken, closing = Signal(), Signal(), Signal()
        m.d.comb += [
            excess.eq((k == config.tile_k) & (piece.bits.any() | piece.count.any() | piece.end)),
            used.eq(~final | ~piece.close | free),
            storing.eq(self.i.valid & used & ~excess),
            self.i.ready.eq(final & used),
            taken.eq(self.i.valid & self.i.ready),
            closing.eq(taken & piece.close),
            self.error.eq(taken & excess),
        ]
        chunk, chunk_count = self._chunks(m, used, final)
        after = Signal.like(total)
        m.d.comb += after.eq(total + Mux(excess, 0, chunk_count))
        with m.If(self.i.valid & used):
            m.d.sync += total.eq(Mux(taken & piece.close, 0, after))
        with m.If(taken):
            m.d.sync += k.eq(Mux(piece.close, 0, k + (piece.end & ~excess)))
        with m.If(closing):
            m.d.sync += half.eq(~half)
        bitmaps = self._bitmaps(m, k, taken, excess)
        banks = self._banks(m, chunk, total, half, storing)
        self._send(m, bitmaps=bitmaps, total=after, half=half, closing=closing, free=free,
                   banks=banks)
        return m

    def _chunks(self, m, used, final):
        """Up to 2R values of the piece at a time: (valid, value) pairs and their number."""
        piece, size = self.i.p, self._per_beat
        chunks = -(-self._lanes // size)
        number = Signal(range(max(2, chunks)))
        m.d.comb += final.eq(1)
        with m.Switch(number):
            for n in range(chunks):
                with m.Case(n):
                    m.d.comb += final.eq(piece.count <= (n + 1) * size)
        with m.If(self.i.valid & used):
            m.d.sync += number.eq(Mux(final, 0, number + 1))

        width = 1 + self._config.element_bits
        chunk = []
        for n in range(size):
            items = [Cat(lane < piece.count, piece.values[lane]) if lane < self._lanes
                     else Const(0, width) for lane in range(n, chunks * size, size)]
            chunk.append(select(m, f"chunk_{n}", items, number))
        count = Signal(range(size + 1))
        m.d.comb += count.eq(Mux(final, piece.count - number * size, size))
        return chunk, count

    def _bitmaps(self, m, k, taken, excess):
        """Bitmaps of the record, the piece on offer included, k = 0 lowest."""
        config, piece = self._config, self.i.p
        step = Signal(config.tile_m)
        joined = Signal(config.tile_m)
        fresh = Signal(init=1)
        m.d.comb += joined.eq(step | piece.bits)
        with m.If(taken):
            m.d.sync += [step.eq(Mux(piece.end | piece.close, 0, joined)), fresh.eq(piece.close)]
        after = []
        for n in range(config.tile_k):
            stored = Signal(config.tile_m, name=f"bitmap_{n}", reset_less=True)
            kept = Signal(config.tile_m, name=f"kept_{n}")
            m.d.comb += kept.eq(Mux(k == n, joined, stored & ~fresh.replicate(config.tile_m)))
            with m.If(taken):
                m.d.sync += stored.eq(kept)
            after.append(kept)
        return Cat(after)

    def _banks(self, m, chunk, total, half, storing):
        """Value i of a record is in bank i mod 2R, row i div 2R; returns the read ports."""
        shift = exact_log2(self._per_beat)
        row_bits = address_bits(self._rows)
        start, row = total[:shift], total[shift:]
        next_row = Signal(row_bits)
        m.d.comb += next_row.eq(row + 1)
        for s in range(shift):
            step = 1 << s
            turned = [Signal(len(item), name=f"turned_{step}_{n}") for n, item in enumerate(chunk)]
            m.d.comb += [target.eq(Mux(start[s], chunk[n - step], chunk[n]))
                         for n, target in enumerate(turned)]
            chunk = turned
        reads = []
        for n, item in enumerate(chunk):
            bank = memory.Memory(shape=self._config.element_bits, depth=2 << row_bits, init=[])
            m.submodules[f"bank_{n}"] = bank
            write, read = bank.write_port(), bank.read_port()
            m.d.comb += [
                write.en.eq(storing & item[0]),
                write.addr.eq(Cat(Mux(n < start, next_row, row[:row_bits]), half)),
                write.data.eq(item[1:]),
            ]
            reads.append(read)
        return reads

    def _send(self, m, *, bitmaps, total, half, closing, free, banks):
        """Send a record: it is handed over when the piece with ``close`` is taken."""
        size, shift = self._per_beat, exact_log2(self._per_beat)
        bitmaps_left = Signal(range(self._bitmap_beats + 1))
        rows_left = Signal(range(self._rows + 1))
        row = Signal(range(self._rows))
        rest = Signal(shift, reset_less=True)
        from_half = Signal()
        beats = Signal(self._bitmap_beats * self._config.a_beat_bits, reset_less=True)
        in_bitmaps, sent, advance = Signal(), Signal(), Signal()
        m.d.comb += [
            in_bitmaps.eq(bitmaps_left != 0),
            self.o.valid.eq(in_bitmaps | (rows_left != 0)),
            self.o.p.last.eq(Mux(in_bitmaps, (bitmaps_left == 1) & (rows_left == 0),
                                 rows_left == 1)),
            sent.eq(self.o.valid & self.o.ready),
            free.eq(~self.o.valid | (self.o.ready & self.o.p.last)),
            # The beat after this one is a row of values.
            advance.eq(sent & ~self.o.p.last & (bitmaps_left <= 1)),
        ]
        with m.If(sent):
            m.d.sync += beats.eq(beats >> self._config.a_beat_bits)
            with m.If(in_bitmaps):
                m.d.sync += bitmaps_left.eq(bitmaps_left - 1)
            with m.Else():
                m.d.sync += rows_left.eq(rows_left - 1)
        with m.If(advance):
            m.d.sync += row.eq(row + 1)
        with m.If(closing):
            m.d.sync += [
                bitmaps_left.eq(self._bitmap_beats), beats.eq(bitmaps), from_half.eq(half),
                rows_left.eq((total + (size - 1)) >> shift), rest.eq(total), row.eq(0),
            ]
        values = []
        for n, read in enumerate(banks):
            m.d.comb += [read.en.eq(advance), read.addr.eq(Cat(row, from_half))]
            real = (rows_left != 1) | (rest == 0) | (n < rest)
            values.append(read.data & real.replicate(self._config.element_bits))
        m.d.comb += self.o.p.data.eq(Mux(in_bitmaps, beats[:self._config.a_beat_bits],
                                         Cat(values)))
