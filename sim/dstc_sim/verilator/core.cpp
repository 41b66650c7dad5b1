// Runs whole programs on a verilated core; the counterpart of core.py.
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

#include "Vtop.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

// Verilator spells a double underscore so.
#define PORT(stream, part) stream##___05F##part

void vl_fatal(const char*, int, const char*, const char* message) {
    throw std::runtime_error(message);
}

namespace {

enum Outcome : uint32_t { STOPPED, CYCLE_LIMIT, NO_PROGRESS, TOO_MANY_BEATS, FAILED };

struct Stream {
    const uint8_t* data;
    const uint8_t* last;
    uint64_t beats;
    uint64_t bytes;
    uint64_t stall;
};

struct Run {
    Stream instr, a, b, c;
    uint8_t* d_data;
    uint8_t* d_last;
    uint64_t d_capacity, d_bytes, d_stall;
    uint64_t states[5];
    uint64_t max_cycles, quiet_limit, resume;
    // Results.
    uint64_t outcome, cycles, status, handshakes;
    uint64_t moved[5];
    uint64_t counters[7];
};

// splitmix64: every stream has its own, so that one stream's pattern does not depend on another.
struct Random {
    uint64_t state;
    bool below(uint64_t threshold) {
        if (!threshold) return false;
        uint64_t z = (state += 0x9E3779B97F4A7C15ULL);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        return ((z ^ (z >> 31)) >> 32) < threshold;
    }
};

template <class Port> uint8_t* raw(Port& port) { return reinterpret_cast<uint8_t*>(&port); }

// One stream into the core.  A beat on offer stays until it is taken.
struct Source {
    const Stream& from;
    uint8_t* payload;
    uint64_t size;
    CData& valid;
    const CData& ready;
    Random random;
    uint64_t next = 0;

    void drive() {
        if (valid || next == from.beats || random.below(from.stall)) return;
        std::memcpy(payload, from.data + next * from.bytes, from.bytes);
        if (from.last) payload[from.bytes] = from.last[next];
        valid = 1;
    }
    bool fires() const { return valid && ready; }
    void taken() {
        ++next;
        valid = 0;
    }
};

class Simulation {
public:
    explicit Simulation(const char* trace) : m_top{new Vtop{&m_context}} {
#if VM_TRACE
        if (trace) {
            m_context.traceEverOn(true);
            m_trace.reset(new VerilatedVcdC);
            m_top->trace(m_trace.get(), 99);
            m_trace->open(trace);
        }
#endif
    }
    ~Simulation() {
#if VM_TRACE
        if (m_trace) m_trace->close();
#endif
        m_top->final();
    }
    void run(Run& run);
    std::string message;

private:
    void settle() {
        m_top->clk = 0;
        m_top->eval();
        dump();
    }
    void edge() {
        m_top->clk = 1;
        m_top->eval();
        dump();
    }
    void dump() {
#if VM_TRACE
        if (m_trace) m_trace->dump(m_time);
#endif
        m_time += 5;
    }
    void begin(const Run& run);
    uint64_t counter(int index) const;

    VerilatedContext m_context;
    std::unique_ptr<Vtop> m_top;
#if VM_TRACE
    std::unique_ptr<VerilatedVcdC> m_trace;
#endif
    uint64_t m_time = 0;
};

// Reset, or continue after HALT by the pulse that the core offers for that.
void Simulation::begin(const Run& run) {
    m_top->PORT(instr, valid) = m_top->PORT(a, valid) = 0;
    m_top->PORT(b, valid) = m_top->PORT(c, valid) = 0;
    m_top->PORT(d, ready) = 0;
    CData& pulse = run.resume ? m_top->resume : m_top->rst;
    pulse = 1;
    for (int n = 0; n < (run.resume ? 1 : 2); ++n) {
        settle();
        edge();
    }
    pulse = 0;
}

// Counters are 48 bits wide each, packed from bit 0.
uint64_t Simulation::counter(int index) const {
    uint64_t value = 0;
    std::memcpy(&value, reinterpret_cast<const uint8_t*>(&m_top->counters) + 6 * index, 6);
    return value;
}

void Simulation::run(Run& run) {
    Vtop& top = *m_top;
    const uint64_t* state = run.states;
    auto random = [&state] { return Random{*state++}; };
#define SOURCE(name)                                                       \
    Source {                                                               \
        run.name, raw(top.PORT(name, payload)), sizeof top.PORT(name, payload), \
            top.PORT(name, valid), top.PORT(name, ready), random()          \
    }
    Source sources[] = {
        SOURCE(instr), SOURCE(a), SOURCE(b), SOURCE(c),
    };
    for (const Source& source : sources)
        if (source.from.bytes + (source.from.last ? 1 : 0) > source.size)
            throw std::runtime_error("a beat is wider than its port");
    if (run.d_bytes + 1 > sizeof top.PORT(d, payload))
        throw std::runtime_error("a D beat is wider than its port");
    Random d_random = random();
    const uint8_t* d_payload = raw(top.PORT(d, payload));

    begin(run);
    uint64_t quiet = 0;
    uint64_t cycle = 0;
    uint64_t beats = 0;
    Outcome outcome = CYCLE_LIMIT;
    bool stopped = false;
    for (; cycle < run.max_cycles; ++cycle) {
        for (Source& source : sources) source.drive();
        top.PORT(d, ready) = !d_random.below(run.d_stall);
        settle();
        if (top.status & 6) {
            outcome = STOPPED;
            stopped = true;
            break;
        }
        bool moved = false;
        bool fires[4];
        for (int n = 0; n < 4; ++n) moved |= fires[n] = sources[n].fires();
        if (top.PORT(d, valid) && top.PORT(d, ready)) {
            if (beats == run.d_capacity) {
                outcome = TOO_MANY_BEATS;
                break;
            }
            std::memcpy(run.d_data + beats * run.d_bytes, d_payload, run.d_bytes);
            run.d_last[beats++] = d_payload[run.d_bytes] & 1;
            moved = true;
        }
        edge();
        for (int n = 0; n < 4; ++n)
            if (fires[n]) sources[n].taken();
        quiet = moved ? 0 : quiet + 1;
        if (quiet == run.quiet_limit) {
            ++cycle;
            outcome = NO_PROGRESS;
            break;
        }
    }
    if (!stopped) settle();
    run.outcome = outcome;
    run.cycles = cycle;
    run.moved[4] = beats;
    run.status = top.status;
    run.handshakes = 0;
    for (int n = 0; n < 4; ++n) {
        run.moved[n] = sources[n].next;
        run.handshakes |= uint64_t(sources[n].valid | sources[n].ready << 1) << 2 * n;
    }
    run.handshakes |= uint64_t(top.PORT(d, valid) | top.PORT(d, ready) << 1) << 8;
    // The counters are final one cycle after the core has stopped.
    for (Source& source : sources) source.valid = 0;
    top.PORT(d, ready) = 0;
    settle();
    edge();
    settle();
    for (int n = 0; n < 7; ++n) run.counters[n] = counter(n);
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

void* dstc_new(const char* trace) { return new Simulation{trace}; }

void dstc_delete(void* simulation) { delete static_cast<Simulation*>(simulation); }

// Gives the reason of a failure, or null.
const char* dstc_run(void* handle, Run* run) {
    auto* simulation = static_cast<Simulation*>(handle);
    try {
        simulation->run(*run);
        return nullptr;
    } catch (const std::exception& error) {
        run->outcome = FAILED;
        simulation->message = error.what();
        return simulation->message.c_str();
    }
}

}
