"""What the im2col unit has to do, written from the meaning of its words (dstc.conv.words)."""

from records import Record

from dstc.conv.words import Span, pack

__all__ = ["Im2colProgram", "random_group", "span_pieces"]


def span_pieces(config, records, span, channel):
    """Rows that a span stands for and the element of each, None for a zero.

    ``records`` are those of the window, slot by slot.
    """
    places = [j for j in range(config.tile_m) if span.place >> j & 1]
    rows = []
    for row, j in enumerate(places, start=span.row):
        value = None
        if span.valid >> j & 1:
            position = span.slot * config.tile_m + span.lane + j
            record = records[position // config.tile_m]
            value = dict(record.nonzeros(channel)).get(position % config.tile_m)
        rows.append((row, value))
    return rows


def random_mask(rng, size):
    density = rng.choice([0, .1, .5, .9, 1])
    return sum((rng.random() < density) << n for n in range(size))


def random_group(config, rng, slots):
    """Spans of one k-step, rows ascending, valid lanes in the first ``slots`` slots."""
    size, row, spans = config.tile_m, 0, []
    for _ in range(rng.choice([1, 1, 2, 3])):
        row = rng.randrange(row, size) if rng.random() < .3 else row
        place = random_mask(rng, size)
        while place.bit_count() > size - row:
            place &= place - 1
        valid = place if rng.random() < .5 else place & random_mask(rng, size)
        lane = rng.randrange(size) if rng.random() < .8 else 0
        slot = rng.randrange(slots)
        reach = slot + (lane + max(valid.bit_length(), 1) - 1) // size
        if reach >= slots:
            slot, lane = (slot - 1, lane) if slot else (slot, 0)
        spans.append(Span(place=place, valid=valid, lane=lane, slot=slot, row=row, end=False))
        row += place.bit_count()
        if row >= size:
            break
    last = spans.pop()
    return [*spans, Span(**{**last.__dict__, "end": True})]


class Im2colProgram:
    """A random program, built in an order in which nothing waits for what is behind, with the
    feature records that it takes and the beats that must come.

    ``costs``: for each GEN, of each span, how many cycles its piece takes at least, and with the
    last one the beats of the record that it closes, otherwise 0.
    """

    def __init__(self, config, rng, slots=None):
        self.config, self.rng = config, rng
        self.slots = slots or min(config.window_tiles, rng.randint(2, 4))
        self.words, self.x, self.beats, self.costs = [], [], [], []
        self.windows, self.tables = [None, None], [None, None]
        self._steps, self._step = [], {}
        self._kinds = []            # what each entry of words is

    def word(self, mnemonic, *data, **operands):
        self.words.append([pack(self.config, mnemonic, **operands), *data])
        self._kinds.append(mnemonic)

    def load(self, window, density=None):
        """LDX of random records."""
        count = self.rng.randint(self.slots, min(self.slots + 2, self.config.window_tiles))
        records = [Record(self.config, "A", self.rng, self.rng.choice([0, .1, .5, .9, 1])
                          if density is None else density) for _ in range(count)]
        self.word("LDX", window=window, count=count)
        self.x += [beat for record in records for beat in record.beats]
        self.windows[window] = records

    def spans(self, table):
        """SPANS of random k-steps."""
        spans = []
        for _ in range(self.rng.randint(1, 6)):
            group = random_group(self.config, self.rng, self.slots)
            if len(spans) + len(group) <= self.config.window_spans:
                spans += group
        data = [word for span in spans for word in span.words(self.config)]
        self.word("SPANS", *data, table=table, count=len(spans))
        self.tables[table] = spans

    def record(self, steps, cut=False):
        """GENs for one record of at most so many k-steps; ``cut``: stop within the last."""
        left = steps
        while left:
            window = self.rng.randrange(2)
            left = self._walk(window, self.rng.randrange(2), left, cut and self.rng.random() < .5)

    def _walk(self, window, table, left, cut):
        """Some k-steps by one or two GENs; the second goes on in the other window."""
        spans, rng = self.tables[table], self.rng
        starts = [n for n in range(len(spans)) if n == 0 or spans[n - 1].end]
        first, channel = rng.choice(starts), rng.randrange(self.config.tile_k)
        walk, at, steps = [], (first, channel), rng.randint(1, left)
        while steps and at[1] < self.config.tile_k:
            walk.append(at)
            steps -= spans[at[0]].end
            left -= spans[at[0]].end
            at = (at[0] + 1, at[1]) if at[0] + 1 < len(spans) else (0, at[1] + 1)
        if cut and len(walk) > 1 and not left and not spans[walk[-2][0]].end:
            walk.pop()              # the record ends within a k-step
        parts = [walk]
        if rng.random() < .3 and len(walk) > 1:
            middle = rng.randrange(1, len(walk))
            parts = [walk[:middle], walk[middle:]]
        for n, part in enumerate(parts):
            self.gen(window ^ (n & 1), table, part, not left and n == len(parts) - 1)
        return left

    def gen(self, window, table, walk, close, free_window=0, free_table=0):
        """One GEN over the given (index, channel) pairs."""
        self.word("GEN", window=window, table=table, free_window=free_window,
                  free_table=free_table, close=int(close), channel=walk[0][1], first=walk[0][0],
                  spans=len(walk))
        costs = []
        for index, channel in walk:
            span = self.tables[table][index]
            rows = dict(span_pieces(self.config, self.windows[window], span, channel))
            values = [value for value in rows.values() if value is not None]
            self._step |= {row: value for row, value in rows.items() if value is not None}
            costs.append([max(1, -(-len(values) // self.config.a_beat_values)), 0])
            if span.end:
                self._steps.append(self._step)
                self._step = {}
        if close:
            costs[-1][1] = self._close()
        self.costs.append(costs)

    def _close(self):
        """Beats of the record; returns their number."""
        config, steps = self.config, [*self._steps, self._step]
        assert len([*self._steps, *filter(None, [self._step])]) <= config.tile_k
        self._steps, self._step = [], {}
        bitmaps = sum(1 << k * config.tile_m + row for k, step in enumerate(steps)
                      for row in step)
        values = [step[row] for step in steps for row in sorted(step)]
        width, beats = config.a_beat_bits, []
        for wire, length in (
                (bitmaps, config.tile_k * config.tile_m),
                (sum(value << n * config.element_bits for n, value in enumerate(values)),
                 len(values) * config.element_bits)):
            beats += [wire >> first & (1 << width) - 1 for first in range(0, length, width)]
        self.beats += [{"data": beat, "last": n == len(beats) - 1}
                       for n, beat in enumerate(beats)]
        return len(beats)

    def fill(self, rounds):
        """Records, and in between windows and tables that are freed and filled anew."""
        for _ in range(rounds):
            for window in range(2):
                if self.windows[window] is None:
                    self.load(window)
            for table in range(2):
                if self.tables[table] is None:
                    self.spans(table)
            for _ in range(self.rng.randint(1, 3)):
                self.record(self.rng.choice([1, self.config.tile_k, self.config.tile_k]),
                            cut=self.rng.random() < .3)
            self._free()
        return self

    def _free(self):
        """Free something with the last GEN, if one has just been made."""
        word = self.words[-1][0]
        window, table = word >> 8 & 1, word >> 9 & 1
        if self.rng.random() < .7:
            self.words[-1][0] |= 1 << 10
            self.windows[window] = None
        if self.rng.random() < .7:
            self.words[-1][0] |= 1 << 11
            self.tables[table] = None

    def early_loads(self, gens):
        """Ask for loads up to so many GENs before the one that frees their window."""
        for n in range(len(self.words)):
            passed = 0
            while (self._kinds[n] == "LDX" and n and self._kinds[n - 1] != "LDX"
                   and passed < gens):
                passed += self._kinds[n - 1] == "GEN"
                for items in (self.words, self._kinds):
                    items[n - 1], items[n] = items[n], items[n - 1]
                n -= 1
        return self

    def stream(self):
        """All words in order."""
        return [word for words in self.words for word in words]
