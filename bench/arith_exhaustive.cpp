// Operands, expected results and the comparison of arith_exhaustive.py, which defines LATENCY, FLOAT,
// SUM, LANES and EACH_LANE(X), which applies X to the number of every lane.
#include <cfenv>
#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "Vtop.h"
#include "verilated.h"

void vl_fatal(const char*, int, const char*, const char* message) {
    throw std::runtime_error(message);
}

namespace {

struct Pair {
    uint32_t a, b;
};

struct Example {
    uint32_t a, b, got, want;
};

constexpr unsigned EXAMPLES = 10;

struct Result {
    uint64_t pairs, wrong;
    Example examples[EXAMPLES];
};

struct Model {
    VerilatedContext context;
    Vtop top{&context};

    // A clock cycle of all lanes.
    void step(const Pair* pairs, uint32_t* o) {
#define DRIVE(n) top.a##n = pairs[n].a; top.b##n = pairs[n].b;
#define SAMPLE(n) o[n] = top.o##n;
        EACH_LANE(DRIVE)
        top.eval();
        EACH_LANE(SAMPLE)
#if LATENCY
        top.clk = 1;
        top.eval();
        top.clk = 0;
#endif
    }
};

float as_float(uint32_t bits) {
    float number;
    std::memcpy(&number, &bits, 4);
    return number;
}

// What the processor computes, with the one NaN of docs/numerics.md.
uint32_t expected(uint32_t a, uint32_t b) {
#if FLOAT
    const float number = SUM ? as_float(a) + as_float(b) : as_float(a) * as_float(b);
    if (number != number) return 0x7FC00000;
    uint32_t bits;
    std::memcpy(&bits, &number, 4);
    return bits;
#else
    return SUM ? a + b : a * b;
#endif
}

// Puts pairs through the lanes in turn; results show LATENCY cycles after their pairs.
template <class Next, class Wanted> void check(uint64_t count, Result& result, Next next,
                                               Wanted wanted) {
    Model model;
    struct { Pair pairs[LANES]; uint32_t want[LANES]; } line[LATENCY + 1] = {};
    const uint64_t steps = (count + LANES - 1) / LANES;
    uint64_t place = 0;
    for (uint64_t n = 0; n < steps + LATENCY; ++n) {
        // After the last pair others follow: a result must not depend on later operands.
        auto& now = line[place];
        for (unsigned lane = 0; lane < LANES; ++lane) now.pairs[lane] = next(n * LANES + lane);
        for (unsigned lane = 0; lane < LANES; ++lane) now.want[lane] = wanted(now.pairs[lane]);
        uint32_t got[LANES];
        model.step(now.pairs, got);
        place = place == LATENCY ? 0 : place + 1;
        if (n < LATENCY) continue;
        const auto& due = line[place];
        uint32_t differ = 0;
        for (unsigned lane = 0; lane < LANES; ++lane) differ |= got[lane] ^ due.want[lane];
        if (!differ) continue;
        for (unsigned lane = 0; lane < LANES; ++lane) {
            if (got[lane] == due.want[lane] || (n - LATENCY) * LANES + lane >= count) continue;
            if (result.wrong < EXAMPLES) {
                result.examples[result.wrong] = {due.pairs[lane].a, due.pairs[lane].b, got[lane],
                                                 due.want[lane]};
            }
            ++result.wrong;
        }
    }
    result.pairs += count;
}

// splitmix64
struct Random {
    uint64_t state;
    uint64_t operator()() {
        uint64_t z = (state += 0x9E3779B97F4A7C15ULL);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        return z ^ (z >> 31);
    }
    uint32_t below(uint32_t limit) { return ((*this)() >> 32) * limit >> 32; }
};

constexpr uint32_t MANTISSA = 0x7FFFFF;
uint32_t pack(uint32_t sign, uint32_t exponent, uint32_t mantissa) {
    return sign << 31 | exponent << 23 | mantissa;
}

// Any mantissa; half of them have long runs of zeros and ones, where carries travel far.
uint32_t any_mantissa(Random& random) {
    const uint64_t bits = random();
    const uint32_t run = (1u << (bits >> 8) % 24) - 1;
    switch (bits & 7) {
    case 0: return run;
    case 1: return MANTISSA ^ run;
    case 2: return run & ~(run >> 1);
    case 3: {
        const uint32_t edges[] = {0, 1, MANTISSA - 1, MANTISSA, 1u << 22, (1u << 22) - 1};
        return edges[(bits >> 8) % 6];
    }
    default: return bits >> 32 & MANTISSA;
    }
}

// 13 classes: zero, subnormal (smallest, largest, any), both ends of the smallest binade, one, any
// normal, both ends of the largest binade, infinity, quiet and signalling NaN.
uint32_t of_class(uint32_t kind, Random& random) {
    constexpr uint32_t quiet = 1u << 22;
    switch (kind) {
    case 0: return 0;
    case 1: return 1;
    case 2: return MANTISSA;
    case 3: return 1 + random.below(MANTISSA);
    case 4: return pack(0, 1, 0);
    case 5: return pack(0, 1, MANTISSA);
    case 6: return pack(0, 127, 0);
    case 7: return pack(0, 1 + random.below(254), any_mantissa(random));
    case 8: return pack(0, 254, 0);
    case 9: return pack(0, 254, MANTISSA);
    case 10: return pack(0, 255, 0);
    case 11: return pack(0, 255, quiet | random.below(quiet));
    default: return pack(0, 255, 1 + random.below(quiet - 1));
    }
}

uint32_t take(uint64_t& n, uint32_t limit) {
    const uint32_t digit = n % limit;
    n /= limit;
    return digit;
}

// The smaller significand's lowest one is at place `half`; it is `distance` binades below the
// larger one, and one is added to it, taken away, or neither.  A result is a tie when `half` is
// the place below its last one: distance - 1, or one more or less after a carry or a cancellation.
Pair tie(uint64_t n, Random& random) {
    const uint32_t half = take(n, 24), distance = take(n, 32), signs = take(n, 4);
    const uint32_t nudge = take(n, 3), swap = take(n, 2);
    const uint32_t high = any_mantissa(random) | 1u << 23;
    uint32_t small = (high & ~((2u << half) - 1)) | 1u << half;
    small = (small | 1u << 23) + (nudge == 2 ? -1 : nudge);
    // Nudged out of its binade it would be another case.
    small = small < 1u << 23 ? 1u << 23 : small > 0xFFFFFF ? 0xFFFFFF : small;
    const uint32_t exponent = 1 + distance + random.below(254 - distance);
    const uint32_t a = pack(signs & 1, exponent, any_mantissa(random));
    const uint32_t b = pack(signs >> 1, exponent - distance, small & MANTISSA);
    return swap ? Pair{b, a} : Pair{a, b};
}

// Sizes that differ by a power of two in the last places, or not at all, and opposite signs.
Pair cancellation(uint64_t n, Random& random) {
    const uint32_t shift = take(n, 25), sign = take(n, 2), way = take(n, 3), swap = take(n, 2);
    const uint32_t a = pack(sign, random.below(255), any_mantissa(random));
    const int64_t size = int64_t(a & 0x7FFFFFFF) + (int64_t(way) - 1) * (int64_t(1) << shift);
    const uint32_t clipped = size < 0 ? 0 : size > 0x7F800000 ? 0x7F800000 : uint32_t(size);
    const uint32_t b = clipped | (~a & 0x80000000);
    return swap ? Pair{b, a} : Pair{a, b};
}

Pair of_exponents(uint32_t left, uint32_t right, Random& random) {
    const uint32_t signs = random.below(4);
    return {pack(signs & 1, left, any_mantissa(random)),
            pack(signs >> 1, right, any_mantissa(random))};
}

// Pair n of a set; the sets are named in arith_exhaustive.py.
Pair sum_operands(uint32_t set, uint64_t n, Random& random) {
    switch (set) {
    case 0: {
        const uint32_t left = take(n, 13), right = take(n, 13), signs = take(n, 4);
        return {of_class(left, random) | (signs & 1) << 31,
                of_class(right, random) | (signs & 2) << 30};
    }
    case 1: {
        const uint32_t left = take(n, 256), right = take(n, 256);
        return of_exponents(left, right, random);
    }
    case 2: return tie(n, random);
    case 3: return cancellation(n, random);
    case 4: {
        const uint32_t left = take(n, 28), right = take(n, 28);
        return of_exponents(left, right, random);
    }
    case 5: {
        const uint32_t left = 250 + take(n, 5), right = 225 + take(n, 30);
        return of_exponents(left, right, random);
    }
    case 6: {
        const uint32_t left = 30 + random.below(195), right = left - 30 + take(n, 61);
        return of_exponents(left, right, random);
    }
    case 7: {
        // Integers: a run of ones and a one at its lower end, where a carry is born and travels.
        const uint32_t start = take(n, 32), length = 1 + take(n, 32);
        const uint32_t run = uint32_t(((uint64_t(1) << length) - 1) << start);
        const uint32_t other = uint32_t(random()) & ~run;
        return {run | other, take(n, 2) ? uint32_t(1) << start : ~run};
    }
    default: {
        const uint64_t bits = random();
        return {uint32_t(bits), uint32_t(bits >> 32)};
    }
    }
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

// Whether this thread computes with subnormal numbers and rounds to nearest.
int arith_host_conforms() {
    volatile float tiny = as_float(1), one = 1, last = as_float(0x33800000);
    return std::fegetround() == FE_TONEAREST && tiny * one != 0 && tiny + tiny != 0
           && one + last == one;
}

// Every first operand from `first` in steps of `step` below `last` with each of `codes` second
// ones; `values` has what each code stands for, as the bits of an operand of `expected`.
void arith_products(const uint32_t* values, uint32_t first, uint32_t last, uint32_t step,
                    uint32_t codes, Result* result) {
    const uint64_t count = uint64_t((last - first + step - 1) / step) * codes;
    uint32_t a = first, b = 0;
    check(count, *result, [&](uint64_t) {
        const Pair pair{a, b};
        if (++b == codes) {
            b = 0;
            a = a + step < last ? a + step : first;
        }
        return pair;
    }, [&](Pair pair) { return expected(values[pair.a], values[pair.b]); });
}

// Pairs `from` to `from + count` of a set of sums.
void arith_sums(uint32_t set, uint64_t seed, uint64_t from, uint64_t count, Result* result) {
    Random random{seed};
    check(count, *result, [&](uint64_t n) { return sum_operands(set, from + n, random); },
          [](Pair pair) { return expected(pair.a, pair.b); });
}

// The same pairs, without the unit.
void arith_draw(uint32_t set, uint64_t seed, uint64_t from, uint64_t count, uint32_t* a,
                uint32_t* b) {
    Random random{seed};
    for (uint64_t n = 0; n < count; ++n) {
        const Pair pair = sum_operands(set, from + n, random);
        a[n] = pair.a;
        b[n] = pair.b;
    }
}

// What the unit answers to given pairs.
void arith_answers(const uint32_t* a, const uint32_t* b, uint64_t count, uint32_t* o) {
    Model model;
    const uint64_t steps = (count + LANES - 1) / LANES;
    for (uint64_t n = 0; n < steps + LATENCY; ++n) {
        Pair pairs[LANES];
        uint32_t got[LANES];
        for (unsigned lane = 0; lane < LANES; ++lane) {
            const uint64_t m = (n * LANES + lane) % count;
            pairs[lane] = {a[m], b[m]};
        }
        model.step(pairs, got);
        for (unsigned lane = 0; lane < LANES && n >= LATENCY; ++lane) {
            const uint64_t m = (n - LATENCY) * LANES + lane;
            if (m < count) o[m] = got[lane];
        }
    }
}

}
