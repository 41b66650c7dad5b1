// A netlist of cells, 64 runs of it at once: bit n of every word belongs to run n.
// In front of this text stands what the library says of each kind of logic (plan.py):
// LOGIC(F) applies F(kind, inputs, expression) to each, with its inputs a[0], a[1], ...
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using Word = uint64_t;
constexpr Word ZERO = 0, ONE = ~Word{0};

// Logic of one kind and level, nets first, first + 1, ...; the first of them see inputs at once,
// the others nothing but states.
struct Group { int32_t kind, first, count, inputs, direct; };
struct Flop { int32_t state, next, domain; };
struct Domain { int32_t parent, enable; };              // of a clock gate; the clock is domain 0

struct Random {
    uint64_t state;
    uint64_t next() {
        uint64_t z = (state += 0x9E3779B97F4A7C15ULL);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        return z ^ (z >> 31);
    }
};

class File {
public:
    explicit File(const char* path) : m_file{std::fopen(path, "rb")} {
        if (!m_file) throw std::runtime_error(std::string{"cannot read "} + path);
    }
    ~File() { std::fclose(m_file); }
    template <class Item> std::vector<Item> items() {
        int64_t bytes = 0;
        if (std::fread(&bytes, sizeof bytes, 1, m_file) != 1) throw std::runtime_error("short file");
        std::vector<Item> found(bytes / sizeof(Item));
        if (bytes && std::fread(found.data(), bytes, 1, m_file) != 1)
            throw std::runtime_error("short file");
        return found;
    }

private:
    std::FILE* m_file;
};

class Netlist {
public:
    Netlist(const char* path, uint64_t seed) {
        File file{path};
        const auto sizes = file.items<int32_t>();
        m_logic = sizes[1];
        m_groups = file.items<Group>();
        m_sources = file.items<int32_t>();
        flops = file.items<Flop>();
        domains = file.items<Domain>();
        value.assign(sizes[0], 0);
        toggles.assign(sizes[0], 0);
        ones.assign(sizes[0], 0);
        differs.assign(flops.size(), 0);
        enabled.assign(domains.size(), 0);
        m_next.resize(flops.size());
        m_open.resize(domains.size());
        value[1] = ONE;
        Random random{seed};
        for (const Flop& flop : flops) value[flop.state] = random.next();
    }

    // An input, or the state of a flip-flop.
    void put(int32_t net, Word word) {
        toggles[net] += __builtin_popcountll((word ^ value[net]) & active);
        value[net] = word;
    }

    // Logic after inputs, and perhaps states, have changed.
    void settle(bool states = true) {
        for (const Group& group : m_groups) evaluate(group, states ? group.count : group.direct);
        if (!active) return;
        for (size_t n = 0; n < flops.size(); ++n) {
            const Flop& flop = flops[n];
            differs[n] += __builtin_popcountll((value[flop.next] ^ value[flop.state]) & active);
        }
        for (int32_t net = 0; net < m_logic; ++net)
            ones[net] += __builtin_popcountll(value[net] & active);
    }

    void edge() {
        for (size_t n = 0; n < domains.size(); ++n) {
            const Domain& domain = domains[n];
            m_open[n] = domain.parent < 0 ? ONE : m_open[domain.parent] & value[domain.enable];
            enabled[n] += __builtin_popcountll(m_open[n] & active);
        }
        for (size_t n = 0; n < flops.size(); ++n) {
            const Word open = m_open[flops[n].domain];
            m_next[n] = (value[flops[n].next] & open) | (value[flops[n].state] & ~open);
        }
        for (size_t n = 0; n < flops.size(); ++n) put(flops[n].state, m_next[n]);
    }

    std::vector<Word> value;
    std::vector<Flop> flops;
    std::vector<Domain> domains;
    // Counted in the active runs: changes and ones of each net, ones in cycles; cycles in which
    // input and state of a flip-flop differ; edges that a clock gate lets through.
    std::vector<uint64_t> toggles, ones, differs, enabled;
    Word active = 0;

private:
    void evaluate(const Group& group, int32_t count);

    int32_t m_logic;            // constants, inputs and states are before it
    std::vector<Group> m_groups;
    std::vector<int32_t> m_sources;
    std::vector<Word> m_next, m_open;
};

void Netlist::evaluate(const Group& group, int32_t count) {
    const int32_t* const from = m_sources.data() + group.inputs;
    const int32_t stride = group.count;
    const Word* const now = value.data();
    Word* const out = value.data() + group.first;
    uint64_t* const changed = toggles.data() + group.first;
    uint64_t* const high = ones.data() + group.first;
    const Word counted = active;
    switch (group.kind) {
// What a group reads is never what it writes, so the compiler may take several at once.
#define LOOP(kind, inputs, expression)                                     \
    case kind:                                                             \
        if (counted) {                                                     \
            _Pragma("GCC ivdep")                                           \
            for (int32_t n = 0; n < count; ++n) {                          \
                Word a[inputs];                                            \
                for (int m = 0; m < inputs; ++m) a[m] = now[from[m * stride + n]]; \
                const Word word = expression;                              \
                changed[n] += __builtin_popcountll((word ^ out[n]) & counted); \
                high[n] += __builtin_popcountll(word & counted);           \
                out[n] = word;                                             \
            }                                                              \
        } else {                                                           \
            _Pragma("GCC ivdep")                                           \
            for (int32_t n = 0; n < count; ++n) {                          \
                Word a[inputs];                                            \
                for (int m = 0; m < inputs; ++m) a[m] = now[from[m * stride + n]]; \
                out[n] = expression;                                       \
            }                                                              \
        }                                                                  \
        break;
        LOGIC(LOOP)
#undef LOOP
    default:
        throw std::runtime_error("unknown kind of logic");
    }
}

}  // namespace
