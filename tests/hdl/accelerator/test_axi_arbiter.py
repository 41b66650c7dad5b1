# amaranth: UnusedElaboratable=no
"""Arbiters: turns, IDs, order of data; and the choice in turn that they share."""

import re

import pytest
from amaranth import Module
from amaranth.lib import wiring
from axi_memory import AxiReads, AxiWrites, accelerator
from unit_bench import Bench

from dstc_hdl.accelerator.arbiter import SEQUENCER_CHANNEL, ReadArbiter, WriteArbiter
from dstc_hdl.accelerator.axi import ReadSignature, WriteSignature
from dstc_hdl.accelerator.round_robin import RoundRobin

SIZE = 16384


class Named(wiring.Component):
    """An arbiter whose streams have names of their own: those of port 2 end in 2."""

    def __init__(self, arbiter, signature, ports):
        self.arbiter, self.names, self.ports = arbiter, list(signature.members), ports
        members = dict(signature.members.items())
        for n in range(ports):
            members |= {f"{name}{n}": member.flip() for name, member in
                        signature.members.items()}
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        m.submodules.arbiter = arbiter = self.arbiter
        for name in self.names:
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(arbiter.bus, name))
            for n in range(self.ports):
                wiring.connect(m, wiring.flipped(getattr(self, f"{name}{n}")),
                               getattr(arbiter.ports[n], name))
        return m


def random_bursts(rng, acc, count, base):
    """Address and len of bursts that stay within 256 bytes."""
    found, longest = [], acc.burst_beats
    for _ in range(count):
        at = rng.randrange(longest)
        found.append({"address": base + 256 * rng.randrange(SIZE // 256) + at * acc.data_bytes,
                      "len": rng.choice([0, rng.randrange(longest - at), longest - at - 1])})
    return found


def noisy_id(rng):
    """An ID as a port gives it: its core bits mean nothing."""
    return rng.randrange(SEQUENCER_CHANNEL) | rng.randrange(4) << 4


@pytest.mark.parametrize("cores, ports, p, latency", [
    (1, 2, .7, (0, 20)), (2, 3, 1, (0, 40)), (4, 5, .6, (0, 30))])
def test_reads(cores, ports, p, latency):
    acc = accelerator(128, cores)
    bench = Bench(Named(ReadArbiter(acc, ports), ReadSignature(acc), ports), seed=ports)
    rng = bench.rng
    content = rng.randbytes(SIZE)
    memory = AxiReads(bench, acc, content, 0x4000, latency, p, p)
    given, asked, taken = [], [], []
    for n in range(ports):
        bursts = random_bursts(rng, acc, 25, 0x4000)
        for burst in bursts:
            burst["id"] = noisy_id(rng)
        asked.append(bursts)
        given.append(bench.drive(f"ar{n}", bursts, p))
        taken.append(bench.take(f"r{n}"))
    total = sum(burst["len"] + 1 for bursts in asked for burst in bursts)
    bench.run(lambda: len(memory.r.tokens) == total, 20000)
    for n, bursts in enumerate(asked):
        # On the bus: the bursts of each port in order, under its ID.
        numbered = [{**burst, "id": burst["id"] & 15 | n << 4} if n < cores else
                    {**burst, "id": SEQUENCER_CHANNEL} for burst in bursts]
        assert [burst for burst in memory.bursts
                if (burst["id"] & 15 == SEQUENCER_CHANNEL) == (n == cores)
                and (n == cores or burst["id"] >> 4 == n)] == numbered
        # Back: what was asked for, by channel, with the channel as ID.
        want, got = {}, {}
        for burst in numbered:
            want.setdefault(burst["id"] & 15, []).extend(
                (content[at:at + 16], k == burst["len"]) for k in range(burst["len"] + 1)
                for at in [burst["address"] - 0x4000 + 16 * k])
        for token in taken[n].tokens:
            got.setdefault(token["id"], []).append((token["data"].to_bytes(16, "little"),
                                                    bool(token["last"])))
        assert got == want
        # Without delay, with its response.
        assert set(taken[n].cycles) <= set(memory.r.cycles)
    assert sum(len(each.tokens) for each in taken) == total
    responses = dict(zip(memory.r.cycles, memory.r.tokens, strict=True))
    assert all(responses[cycle]["resp"] == token["resp"] for each in taken
               for cycle, token in zip(each.cycles, each.tokens, strict=True))


@pytest.mark.parametrize("ports", [2, 5])
def test_reads_in_turn(ports):
    """Ports that always have a burst are served one after the other, one burst per cycle."""
    acc = accelerator(64, 4)
    bench = Bench(Named(ReadArbiter(acc, ports), ReadSignature(acc), ports))
    memory = AxiReads(bench, acc, bytes(SIZE))
    for n in range(ports):
        bench.drive(f"ar{n}", [{"id": 3, "address": 256 * n, "len": 0}] * 8)
        bench.take(f"r{n}")
    bench.run(lambda: len(memory.bursts) == 8 * ports, 100)
    assert [burst["address"] // 256 for burst in memory.bursts] == list(range(ports)) * 8
    assert memory.address.cycles == list(range(1, 8 * ports + 1))


def test_reads_past_a_port_without_any():
    acc = accelerator(64, 2)
    bench = Bench(Named(ReadArbiter(acc, 3), ReadSignature(acc), 3))
    memory = AxiReads(bench, acc, bytes(SIZE))
    for n in (0, 2):
        bench.drive(f"ar{n}", [{"address": 256 * n}] * 5)
    for n in range(3):
        bench.take(f"r{n}")
    bench.run(lambda: len(memory.bursts) == 10, 100)
    assert [burst["address"] // 256 for burst in memory.bursts] == [0, 2] * 5


@pytest.mark.parametrize("cores, p_address, p_data, p_response, latency", [
    (1, 1, 1, 1, (0, 0)), (3, .5, .8, .6, (0, 30)), (4, .2, 1, 1, (0, 9)), (4, 1, .3, .5, (0, 60))])
def test_writes(cores, p_address, p_data, p_response, latency):
    acc = accelerator(128, cores)
    bench = Bench(Named(WriteArbiter(acc, cores), WriteSignature(acc), cores), seed=cores)
    rng = bench.rng
    content = bytearray(rng.randbytes(SIZE * cores))
    want = bytearray(content)
    memory = AxiWrites(bench, acc, content, 0, latency, p_address, p_data, p_response)
    # Responses that tell bursts apart.
    memory.response = lambda address: address // 16 % 4
    asked, answers = [], []
    for n in range(cores):
        bursts = random_bursts(rng, acc, 20, SIZE * n)
        beats = []
        for burst in bursts:
            for k in range(burst["len"] + 1):
                beat = {"data": rng.getrandbits(128), "strb": rng.getrandbits(16),
                        "last": k == burst["len"]}
                for byte in range(16):
                    if beat["strb"] >> byte & 1:
                        want[burst["address"] + 16 * k + byte] = beat["data"] >> 8 * byte & 0xFF
                beats.append(beat)
        asked.append(bursts)
        # As the contract has it: the data of a burst are there when it is on offer.
        bench.drive(f"aw{n}", bursts)
        bench.drive(f"w{n}", beats)
        answers.append(bench.take(f"b{n}"))
    bench.run(lambda: len(memory.b.tokens) == 20 * cores, 20000)
    assert content == want
    for n, bursts in enumerate(asked):
        assert [burst for burst in memory.bursts if burst["id"] == n << 4] == [
            {**burst, "id": n << 4} for burst in bursts]
        assert [token["resp"] for token in answers[n].tokens] == [
            burst["address"] // 16 % 4 for burst in bursts]


@pytest.mark.parametrize("ports", [1, 4])
def test_writes_in_turn(ports):
    """One beat per cycle, bursts of the ports in turn."""
    acc = accelerator(128, 4)
    bench = Bench(Named(WriteArbiter(acc, ports), WriteSignature(acc), ports))
    memory = AxiWrites(bench, acc, bytearray(SIZE))
    for n in range(ports):
        bench.drive(f"aw{n}", [{"address": 256 * n, "len": 2}] * 6)
        bench.drive(f"w{n}", [{"data": n, "strb": 1, "last": k == 2} for k in range(3)] * 6)
        bench.take(f"b{n}")
    bench.run(lambda: len(memory.b.tokens) == 6 * ports, 200)
    assert [burst["id"] >> 4 for burst in memory.bursts] == list(range(ports)) * 6
    assert memory.address.cycles[0] == 1
    assert memory.w.cycles == list(range(2, 2 + 18 * ports))


class Requests:
    """Requests that come and go at random, and a plain account of whose turn it is."""

    def __init__(self, count, p, seed):
        self.count, self.p = count, p
        self.bench = Bench(RoundRobin(count), seed)
        self.last, self.grants = count - 1, []
        self.bench.before(self.drive)
        self.bench.after(self.look, "requests", "taken", "grant", "index")

    def drive(self, ctx, cycle):
        rng = self.bench.rng
        requests = sum((rng.random() < self.p) << n for n in range(self.count))
        ctx.set(self.bench.dut.requests, requests)
        ctx.set(self.bench.dut.taken, requests != 0 and rng.random() < .7)

    def look(self, cycle, requests, taken, grant, index):
        order = [(self.last + 1 + n) % self.count for n in range(self.count)]
        due = [n for n in order if requests >> n & 1]
        assert (grant, index) == ((1 << due[0], due[0]) if due else (0, 0))
        if taken:
            self.last = due[0]
            self.grants.append(due[0])


@pytest.mark.parametrize("count, p", [(1, .5), (2, .5), (5, .9), (11, .3)])
def test_round_robin(count, p):
    requests = Requests(count, p, count)
    requests.bench.run(lambda: requests.bench.cycle == 250, 251)
    assert set(requests.grants) == set(range(count))


@pytest.mark.parametrize("make, message", [
    (lambda acc: ReadArbiter(acc, 0), "Read arbiter ports must be an integer from 1 to 3, not 0"),
    (lambda acc: ReadArbiter(acc, 4), "Read arbiter ports must be an integer from 1 to 3, not 4"),
    (lambda acc: WriteArbiter(acc, 3), "Write arbiter ports must be an integer from 1 to 2, not 3"),
    (lambda acc: WriteArbiter(acc, 1.0),
     "Write arbiter ports must be an integer from 1 to 2, not 1.0"),
    (lambda acc: RoundRobin(0), "Round-robin count must be an integer of at least 1, not 0"),
    (lambda acc: RoundRobin("2"), "Round-robin count must be an integer of at least 1, not '2'"),
])
def test_wrong_counts(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make(accelerator(64, 2))
