"""A memory behind an AXI4 bus, for benches: every answer that the protocol allows.

It watches the rules of the bus on the way: bursts that are whole beats and stay within 256 bytes,
data in the order of the bursts.  What it holds is a plain ``bytearray``.
"""

from collections import deque

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.config import get_config

__all__ = ["AxiReads", "AxiWrites", "accelerator"]

OKAY, EXOKAY = 0, 1


def accelerator(bus, cores=1, address_bits=40):
    """An accelerator of small cores with a bus of that width."""
    return AcceleratorConfig(core=get_config("tiny"), data_bits=bus, cores=cores,
                             address_bits=address_bits)


class Side:
    """What both directions have: bursts that wait for some cycles, by ID."""

    def __init__(self, bench, acc, address, content, base, latency):
        self.bench, self.acc, self.size = bench, acc, acc.data_bytes
        self.address, self.content, self.base, self.latency = address, content, base, latency
        self.bursts, self.waiting, self.bad = [], {}, {}

    def response(self, address):
        """Bad if the beat is in ``bad``; otherwise either of the good ones."""
        return self.bad.get(address, self.bench.rng.choice([OKAY, OKAY, EXOKAY]))

    def accept(self, cycle):
        """Note the bursts that were taken."""
        for burst in self.address.tokens[len(self.bursts):]:
            first, beats = burst["address"], burst["len"] + 1
            assert first % self.size == 0 and first % 256 + beats * self.size <= 256
            assert self.base <= first
            assert first + beats * self.size <= self.base + len(self.content)
            self.bursts.append(burst)
            self.begin(burst, cycle + self.bench.rng.randint(*self.latency))

    def pick(self, cycle, queues):
        """An ID whose oldest burst is due; any of them, or None."""
        due = [number for number, queue in queues.items() if queue and queue[0][0] <= cycle]
        return self.bench.rng.choice(due) if due else None


class AxiReads(Side):
    """The read half.

    Parameters
    ----------
    bench : Bench
    acc : AcceleratorConfig
    content : bytes
    base : int
        Address of its first byte.
    latency : pair of int
        Fewest and most cycles before the first beat of a burst may come.
    p_address, p_data : float
        Probabilities that a burst is taken, and that a beat comes.
    interleave : bool
        Beats of different IDs mix; otherwise bursts come whole, but IDs in any order.

    Attributes
    ----------
    bad : dict
        Address of a beat to the response that it gets.
    bursts : list
        All that were asked for.
    """

    def __init__(self, bench, acc, content, base=0, latency=(0, 0), p_address=1.0, p_data=1.0,
                 interleave=True):
        super().__init__(bench, acc, bench.take("ar", p_address), content, base, latency)
        self.r = bench.drive("r", (), p_data)
        self.interleave, self.current = interleave, None
        self.sent = []          # (ID, address) of each beat that was queued
        bench.after(self.step, "r.ready")

    def begin(self, burst, due):
        queue = self.waiting.setdefault(burst["id"], deque())
        first = burst["address"]
        queue += [(due, first + n * self.size, n == burst["len"])
                  for n in range(burst["len"] + 1)]

    def step(self, cycle, ready):
        assert ready
        self.accept(cycle)
        if self.r.queue:
            return
        number = self.current if self.current is not None else self.pick(cycle, self.waiting)
        if number is None:
            return
        _, address, last = self.waiting[number].popleft()
        place = address - self.base
        self.r.queue.append({
            "id": number, "last": last, "resp": self.response(address),
            "data": int.from_bytes(self.content[place:place + self.size], "little")})
        self.sent.append((number, address))
        self.current = None if last or self.interleave else number

    @property
    def outstanding(self):
        """Whether anything that was asked for has not come."""
        return sum(burst["len"] + 1 for burst in self.address.tokens) != len(self.r.tokens)


class AxiWrites(Side):
    """The write half; parameters as of :class:`AxiReads`, ``content`` is a bytearray.

    ``p_data`` is the probability that a beat is taken, ``p_response`` that an answer comes;
    addresses and data are taken independently of each other.
    """

    def __init__(self, bench, acc, content, base=0, latency=(0, 0), p_address=1.0, p_data=1.0,
                 p_response=1.0):
        super().__init__(bench, acc, bench.take("aw", p_address), content, base, latency)
        self.w, self.b = bench.take("w", p_data), bench.drive("b", (), p_response)
        self.open, self.used, self.delays = deque(), 0, {}
        bench.after(self.step, "b.ready")

    def begin(self, burst, due):
        self.open.append((burst, due))

    def step(self, cycle, ready):
        assert ready
        self.accept(cycle)
        while self.open and self.used + self.open[0][0]["len"] < len(self.w.tokens):
            burst, due = self.open.popleft()
            self.write(burst)
            self.delays.setdefault(burst["id"], deque()).append((max(due, cycle), burst))
        number = None if self.b.queue else self.pick(cycle, self.delays)
        if number is not None:
            _, burst = self.delays[number].popleft()
            self.b.queue.append({"id": number, "resp": self.response(burst["address"])})

    def write(self, burst):
        """Store the beats of a burst that is complete."""
        beats = self.w.tokens[self.used:self.used + burst["len"] + 1]
        self.used += len(beats)
        assert [beat["last"] for beat in beats] == [0] * burst["len"] + [1]
        for n, beat in enumerate(beats):
            place = burst["address"] + n * self.size - self.base
            for byte in range(self.size):
                if beat["strb"] >> byte & 1:
                    self.content[place + byte] = beat["data"] >> 8 * byte & 0xFF

    @property
    def outstanding(self):
        """Whether anything that was asked for has not been answered."""
        return len(self.address.tokens) != len(self.b.tokens)
