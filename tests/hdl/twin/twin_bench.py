"""An inner-product core with its streams: jobs in, result matrix and cycles out."""

from types import SimpleNamespace

import numpy as np
from unit_bench import Bench

from dstc.twin import twin_job
from dstc_hdl.twin import DenseCore, StructuredCore

__all__ = ["random_c", "random_operand", "run", "structure", "words"]


def words(beats):
    """Rows of bytes as integers."""
    return [int.from_bytes(row.tobytes(), "little") for row in beats]


def random_operand(config, rng, shape, *, density=.8, wild=False):
    """A matrix of elements; ``wild`` has every pattern of bits, both zeros included."""
    bits = config.element_bits
    if not config.format.is_float:
        matrix = rng.integers(-128, 128, shape).astype(config.format.dtype)
        matrix[rng.random(shape) >= density] = 0
        return matrix
    layout = config.format.layout
    raw = rng.integers(0, 1 << bits, shape)
    if not wild:
        # Exponents around that of 1, so that additions round.
        near = layout.bias + rng.integers(-3, 4, shape) << layout.mantissa_bits
        field = (1 << layout.exponent_bits) - 1 << layout.mantissa_bits
        raw = raw & ~field | near
    zero = rng.random(shape) >= density
    raw[zero] = (raw[zero] >> bits - 1) << bits - 1
    return raw.astype(f"<u{bits // 8}").view(config.format.dtype)


def structure(b, rng):
    """The matrix with two random elements of every four rows of a column set to zero."""
    padded = np.zeros((-(-len(b) // 4) * 4, b.shape[1]), b.dtype)
    padded[:len(b)] = b
    groups = padded.reshape(-1, 4, b.shape[1])
    drop = rng.random(groups.shape).argsort(axis=1) >= 2
    groups[drop] = np.zeros(1, b.dtype)[0]
    return padded[:len(b)]


def random_c(config, rng, shape, *, wild=False):
    """A C matrix; ``wild`` has infinities, NaN, subnormal numbers and -0."""
    if not config.format.is_float:
        return rng.integers(-10**6, 10**6, shape).astype(np.int32)
    c = (rng.standard_normal(shape) * 4).astype(np.float32)
    if wild:
        special = np.array([0x80000000, 0x7F800000, 0xFF800000, 0x7F800001, 0xFFC12345, 1,
                            0x7F7FFFFF], np.uint32).view(np.float32)
        where = rng.random(shape) < .3
        c[where] = rng.choice(special, int(where.sum()))
    return c


def run(config, a, b, c=None, *, structured=False, numerics="exact", seed=0, p=1.0, p_d=1.0):
    """One product through a core.

    ``p`` and ``p_d`` are the probabilities with which sources offer and the sink takes a beat.

    Returns
    -------
    SimpleNamespace
        ``result``; ``job``: the :class:`TwinJob`; ``issues``: cycles in which blocks were issued;
        ``d``: cycles of the beats of D; ``latency``.
    """
    job = twin_job(a, b, c, config=config, structured=structured)
    core = (StructuredCore if structured else DenseCore)(config, numerics)
    bench = Bench(core, seed)
    sources = [bench.drive("job", [job.job] * job.tiles, p)]
    sources += [bench.drive(name, words(beats), p) for name, beats in
                (("a", job.a_data), ("b", job.b_data), ("c", job.c_data))]
    d, issues = bench.take("d", p_d), []
    bench.after(lambda cycle, issue: issues.append(cycle) if issue else None, "issue")
    least = min(p, p_d)
    bench.run(lambda: len(d.tokens) == job.d_beats, int(4 * (job.cycles + 100) / least))
    end = bench.cycle + 10
    bench.run(lambda: bench.cycle == end, 11)
    assert len(d.tokens) == job.d_beats and all(source.idle for source in sources)
    assert [token["last"] for token in d.tokens] == [
        int(n % config.c_beats == config.c_beats - 1) for n in range(job.d_beats)]
    size = config.c_beat_bits // 8
    octets = b"".join(token["data"].to_bytes(size, "little") for token in d.tokens)
    return SimpleNamespace(
        result=job.assemble(np.frombuffer(octets, np.uint8).reshape(-1, size)), job=job,
        issues=issues, d=d.cycles, latency=core.latency)
