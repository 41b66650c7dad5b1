"""Result writer, beat slicer and post check."""

import random

import pytest
from axi_memory import accelerator
from node_image import warp_part
from unit_bench import STALLS, Bench

from dstc.accelerator.registers import DeviceErrorCode
from dstc.conv.words import pack
from dstc_hdl.accelerator.beat_slicer import BeatSlicer
from dstc_hdl.accelerator.post_check import PostCheck
from dstc_hdl.accelerator.result_writer import ResultWriter, slot_bytes


def random_records(rng, bits, longest=9):
    """Records as beats, and as the bytes that they are."""
    records = [[rng.getrandbits(bits) for _ in range(rng.randint(1, longest))] for _ in range(12)]
    beats = [{"data": word, "last": int(n == len(record) - 1)} for record in records
             for n, word in enumerate(record)]
    return beats, [b"".join(word.to_bytes(bits // 8, "little") for word in record)
                   for record in records]


def gathered(beats, size):
    """The bytes that beats of the bus write: of every run the first address and the bytes."""
    runs, content = [], b""
    for beat in beats:
        enabled = [n for n in range(size) if beat["strb"] >> n & 1]
        content += bytes(beat["data"] >> 8 * n & 0xFF for n in enabled)
        if not runs or runs[-1][2]:
            runs.append([beat["address"] + enabled[0], b"", False])
        runs[-1][1] += bytes(beat["data"] >> 8 * n & 0xFF for n in enabled)
        assert beat["address"] % size == 0
        runs[-1][2] = beat["final"]
    return [(address, content) for address, content, _ in runs]


@pytest.mark.parametrize("bus", [64, 128])
@pytest.mark.parametrize("bits", [32, 64, 128, 512])
@pytest.mark.parametrize("p_in, p_out", STALLS)
def test_slices(bus, bits, p_in, p_out):
    beats, contents = random_records(random.Random(bits), bits)
    size = bus // 8
    bench = Bench(BeatSlicer(accelerator(bus), bits), 2)
    source, out = bench.drive("i", beats, p_in), bench.take("o", p_out)
    bench.run(lambda: source.idle, 4000)
    found, content = [], b""
    for token in out.tokens:
        count = token["strb"].bit_count()
        assert token["strb"] == (1 << count) - 1 and (token["last"] or count == size)
        content += token["data"].to_bytes(size, "little")[:count]
        if token["last"]:
            found.append(content)
            content = b""
    assert found == contents and not content
    if (p_in, p_out) == (1, 1):
        assert bench.cycle == max(len(beats), sum(-(-len(each) // size) for each in contents))


class Orders:
    """Random orders, what the core gives for them and what must be written."""

    def __init__(self, acc, seed, count=12):
        rng, core = random.Random(seed), acc.core
        self.orders, self.d, self.y, self.runs = [], [], [], []
        self.rng, self.core = rng, core
        words = {}
        for n in range(count):
            raw, pair = rng.randrange(2), rng.randrange(2)
            order = {"raw": raw, "pair": pair, "result": rng.getrandbits(40) << 4,
                     "last": int(n == count - 1), "y": 0, "y_ktiles": 0, "y_first": 0,
                     "blocks0": 0, "blocks1": 0}
            if raw:
                self._tiles(order)
            else:
                order |= {"y": rng.getrandbits(40) << 4, "y_ktiles": rng.choice([40, 300]),
                          "y_first": rng.choice([0, 30, 36]), "blocks0": rng.randint(1, 2),
                          "blocks1": pair * rng.randint(1, 2)}
                self._records(order, words)
            self.orders.append(order)
        self._flush(words)

    def _tiles(self, order):
        content, core = b"", self.core
        for _ in range(1 + order["pair"]):
            for n in range(core.c_beats):
                word = self.rng.getrandbits(core.c_beat_bits)
                content += word.to_bytes(core.c_beat_bits // 8, "little")
                self.d.append({"data": word, "last": int(n == core.c_beats - 1)})
        self.runs.append((order["result"], content))

    def _records(self, order, words):
        for n in range(order["blocks0"] + order["blocks1"]):
            beats, index = self.rng.choice([1, 1, 2, 5, 9]), order["y_first"] + n
            record = [self.rng.getrandbits(self.core.a_beat_bits) for _ in range(beats)]
            self.y += [{"data": word, "last": int(m == beats - 1)}
                       for m, word in enumerate(record)]
            place = order["result"] + n * 128
            self.runs.append((place, b"".join(word.to_bytes(self.core.a_beat_bits // 8, "little")
                                              for word in record)))
            self.runs.append((order["y"] + warp_part(order["y_ktiles"]) + 8 * index,
                              (place >> 4 | beats << 44).to_bytes(8, "little")))
            at = order["y"] + index // 32 * 4
            if at not in words:
                self._flush(words)
                words[at] = 0
            words[at] |= (beats > 1) << index % 32

    def _flush(self, words):
        """The warp word that was collected."""
        self.runs += [(at, bits.to_bytes(4, "little")) for at, bits in words.items()]
        words.clear()


@pytest.mark.parametrize("bus", [64, 128])
@pytest.mark.parametrize("p_in, p_out", STALLS)
@pytest.mark.parametrize("seed", range(3))
def test_writes(bus, p_in, p_out, seed):
    acc = accelerator(bus)
    assert slot_bytes(acc.core) == 128      # at most 9 beats of 8 bytes
    orders, done = Orders(acc, seed), []
    bench = Bench(ResultWriter(acc), 3)
    for name in ("d", "y"):
        bench.drive(name, getattr(orders, name), p_in)
    source, out = bench.drive("order", orders.orders, p_in), bench.take("o", p_out)
    bench.after(lambda cycle, value: done.append(value), "done")
    bench.run(lambda: done and done[-1], 6000)
    assert source.idle and gathered(out.tokens, bus // 8) == orders.runs
    assert not any(done[:out.cycles[-1] + 1])


def order_of(pair, raw, blocks0=0, blocks1=0, result=0x40):
    return {"pair": pair, "raw": raw, "blocks0": blocks0, "blocks1": blocks1, "result": result}


def post(config, raw=1, blocks=1, params=0):
    return pack(config, "POST", relu=0, raw=raw, bias=0, params=params, rows=3, blocks=blocks)


class Check(Bench):
    """A post check with its streams; ``ended`` when every word was taken."""

    def __init__(self, config, words, orders, p=(1, 1)):
        super().__init__(PostCheck(config), seed=5)
        self.words = self.drive("i", [{"data": word, "last": 0} for word in words], p[0])
        self.orders, self.out = self.drive("order", orders, p[0]), self.take("o", p[1])
        self.faults = []
        self.before(lambda ctx, cycle: ctx.set(self.dut.ended, self.words.idle))
        self.after(lambda cycle, fault: self.faults.append(fault), "fault")

    @property
    def fault(self):
        return self.faults[-1]


@pytest.mark.parametrize("element, parameters", [("fp16", 4), ("int8", 8)])
@pytest.mark.parametrize("p", STALLS)
def test_words_that_fit(element, parameters, p):
    config = accelerator(128).core.replace(name="other", element=element)
    rng, words, orders = random.Random(6), [], []
    for _ in range(20):
        raw, pair = rng.randrange(2), rng.randrange(2)
        blocks = [0, 0] if raw else [rng.randint(1, 2), pair * rng.randint(1, 2)]
        orders.append(order_of(pair, raw, *blocks))
        for count in blocks[:1 + pair]:
            params = rng.randrange(2)
            words += [post(config, raw, count or 1, params),
                      *(rng.getrandbits(64) for _ in range(parameters * params))]
    bench = Check(config, words, orders, p)
    bench.run(lambda: bench.words.idle and bench.orders.idle, 3000)
    assert bench.out.tokens == words
    assert not any(fault["valid"] for fault in bench.faults)
    if p == (1, 1):
        assert bench.cycle == len(words)


@pytest.mark.parametrize("words, orders, taken", [
    ([(1, 1), (0, 2)], [(0, 1), (0, 1)], 1),            # records, not raw
    ([(0, 2)], [(0, 1)], 0),
    ([(0, 1)], [(0, 0, 2)], 0),                         # too few records
    ([(0, 2), (0, 1)], [(1, 0, 2, 2)], 1),              # of the second of a pair
    ([(1, 1)], [(1, 1)], 1),                            # no words for the second
    ([(1, 1)], [(0, 1), (0, 1)], 1),
    ([(1, 1, 1)], [(0, 1)], 1),                         # parameters that do not come
])
def test_words_that_do_not_fit(words, orders, taken):
    config = accelerator(128).core
    bench = Check(config, [post(config, *word) for word in words],
                  [order_of(*order, result=0x100 * (n + 1)) if len(order) == 4 else
                   order_of(*order, *(0,) * (4 - len(order)), result=0x100 * (n + 1))
                   for n, order in enumerate(orders)])
    bench.run(lambda: bench.cycle == 20, 30)
    stuck = len(bench.orders.tokens)
    assert bench.fault == {"valid": 1, "code": DeviceErrorCode.RESULT,
                           "address": 0x100 * (stuck + 1)}
    assert len(bench.out.tokens) == taken


def test_illegal_words_are_left_to_the_epilogue():
    config = accelerator(128).core
    illegal = [post(config) | 1 << 40, 0, post(config, blocks=2) | 1 << 24]
    bench = Check(config, [*illegal, post(config)], [order_of(0, 1)])
    bench.run(lambda: bench.words.idle and bench.orders.idle, 30)
    assert len(bench.out.tokens) == 4 and not any(fault["valid"] for fault in bench.faults)
