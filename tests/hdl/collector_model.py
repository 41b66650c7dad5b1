"""The operand collector cycle by cycle in plain Python, from the docstrings, and its workloads.

Entries have serial numbers instead of places in a ring, and sets instead of masks.
"""

__all__ = ["BankModel", "CollectorModel", "Entry", "Step", "ohmma_of", "random_steps"]


class Step:
    """A k-step for the collector: the rows and columns that its OHMMA bring, and their values."""

    def __init__(self, config, rng, rows, cols, *, acc=0, op_last=0, dense=False, null=False,
                 single=None):
        self.acc, self.op_last, self.dense, self.null = acc, op_last, dense, null
        self.row_groups = self._groups(rows, config.tile_m, config.array_rows, dense)
        self.col_groups = self._groups(cols, config.tile_n, config.array_cols, dense)
        if null:
            self.row_groups, self.col_groups = [[]], [[]]
        if single:
            self.row_groups = [self.row_groups[single[0] % len(self.row_groups)]]
            self.col_groups = [self.col_groups[single[1] % len(self.col_groups)]]
        self.a = [rng.getrandbits(config.element_bits) for _ in range(config.tile_m)]
        self.b = [rng.getrandbits(config.element_bits) for _ in range(config.tile_n)]

    @staticmethod
    def _groups(places, span, lanes, dense):
        if dense:
            return [[n for n in sorted(places) if n // lanes == group]
                    for group in range(span // lanes)]
        places = sorted(places)
        return [places[n:n + lanes] for n in range(0, len(places), lanes)] or [[]]

    @property
    def rows(self):
        return {n for group in self.row_groups for n in group}

    @property
    def cols(self):
        return {n for group in self.col_groups for n in group}


def ohmma_of(config, step, rng):
    """The tokens of a step; positions that an OHMMA does not bring carry noise."""
    pairs = [(g, h) for h in range(len(step.col_groups)) for g in range(len(step.row_groups))]
    bits = config.element_bits

    def operands(places, values):
        return {"mask": sum(1 << n for n in places),
                "values": [value if n in places else rng.getrandbits(bits)
                           for n, value in enumerate(values)]}

    return [{
        "token": {"a_slot": 0, "b_slot": 0, "k": 0, "g": g, "h": h, "acc": step.acc,
                  "dense": step.dense, "null": step.null, "first": n == 0,
                  "last": n == len(pairs) - 1,
                  "op_last": step.op_last if n == len(pairs) - 1 else 0},
        "a": operands(step.row_groups[g], step.a),
        "b": operands(step.col_groups[h], step.b),
    } for n, (g, h) in enumerate(pairs)]


class Entry:
    """What one collector entry holds."""

    def __init__(self):
        self.rows, self.cols = {}, {}       # position: value
        self.closed = self.acc = self.op_last = 0

    def add(self, token):
        for held, side in ((self.rows, token["a"]), (self.cols, token["b"])):
            for n, value in enumerate(side["values"]):
                if side["mask"] >> n & 1:
                    held[n] = value
        self.closed, self.acc = token["token"]["last"], token["token"]["acc"]
        self.op_last = token["token"]["op_last"]

    def products(self, config, p, q):
        """Operands of the products of bank (p, q), by accumulator index."""
        return {m // config.array_rows + config.row_groups * (n // config.array_cols): (a, b)
                for m, a in self.rows.items() if m % config.array_rows == p
                for n, b in self.cols.items() if n % config.array_cols == q}


class BankModel:
    """One bank's walk.  Call ``choose``, then ``advance``, once per cycle."""

    def __init__(self, config, hazard, p, q):
        self.config, self.hazard, self.p, self.q = config, hazard, p, q
        self.current, self.taken, self.last = 0, set(), {}

    def _products(self, entries, serial):
        return entries[serial].products(self.config, self.p, self.q) if serial in entries else {}

    def choose(self, entries, head, cycle):
        """This cycle's product or None; ``needs_head`` and ``target`` are set too."""
        entry = entries.get(self.current)
        products = self._products(entries, self.current)
        pending = sorted(set(products) - self.taken)
        free = [n for n in pending
                if cycle - self.last.get((entry.acc, n), -self.hazard) >= self.hazard]
        self.needs_head = self.current == head and bool(pending)
        self.target, pick = None, None
        if free:
            self.taken.add(free[0])
            self.last[entry.acc, free[0]] = cycle
            a, b = products[free[0]]
            pick = {"valid": 1, "acc": entry.acc, "index": free[0], "a": a, "b": b}
            pending.remove(free[0])
        if entry is not None and entry.closed and not pending:
            self.target = min((serial for serial in entries if serial > self.current
                               and self._products(entries, serial)), default=None)
        return pick

    def advance(self, head, retire):
        if self.target is None and retire and self.current == head:
            self.target = head + 1
        if self.target is not None:
            self.current, self.taken = self.target, set()


class CollectorModel:
    """All of it.  ``cycle(token)`` returns ready, done, done_acc and picks by bank."""

    def __init__(self, config, hazard):
        self.config = config
        self.entries, self.head, self.next, self.now = {}, 0, 0, 0
        self.banks = [BankModel(config, hazard, p, q)
                      for p in range(config.array_rows) for q in range(config.array_cols)]

    def cycle(self, token):
        """``token`` is on offer, or None."""
        picks = [bank.choose(self.entries, self.head, self.now) for bank in self.banks]
        oldest = self.entries.get(self.head)
        retire = oldest is not None and bool(oldest.closed) and not any(
            bank.needs_head for bank in self.banks)
        full = len(self.entries) == self.config.collector_entries
        ready = token is not None and (not token["token"]["first"] or not full or retire)
        done = retire and bool(oldest.op_last)
        for bank in self.banks:
            bank.advance(self.head, retire)
        if retire:
            del self.entries[self.head]
            self.head += 1
        if ready:
            if token["token"]["first"]:
                self.entries[self.next] = Entry()
                self.next += 1
            self.entries[self.next - 1].add(token)
        self.now += 1
        return ready, done, oldest.acc if done else None, picks


def random_places(rng, span, lanes):
    """Positions of the non-zeros of one side of a k-step: dots, stripes onto a bank, anything."""
    kind = rng.choice(["dot", "stripe", "stripe", "random", "random", "full", "run"])
    if kind == "dot":
        return {rng.randrange(span)}
    if kind == "stripe":
        return set(range(rng.randrange(lanes), span, lanes))
    if kind == "run":
        first = rng.randrange(span)
        return set(range(first, min(span, first + lanes)))
    density = rng.choice([.1, .3, .6])
    places = {n for n in range(span) if kind == "full" or rng.random() < density}
    return places or {0}


def random_steps(config, rng, count):
    """k-steps of every kind; some end an instruction."""
    steps = []
    for _ in range(count):
        steps.append(Step(
            config, rng, random_places(rng, config.tile_m, config.array_rows),
            random_places(rng, config.tile_n, config.array_cols), acc=rng.randrange(2),
            op_last=rng.random() < .3, dense=rng.random() < .2, null=rng.random() < .1,
            single=(rng.randrange(8), rng.randrange(8)) if rng.random() < .15 else None))
    return steps
