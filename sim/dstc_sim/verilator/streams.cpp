// Runs whole programs on a verilated component with streams; the counterpart of streams.py, which
// puts the names of the streams in front: INPUTS(F) and OUTPUTS(F) apply F to each.
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

struct Space {
    uint8_t* data;
    uint8_t* last;
    uint64_t beats;
    uint64_t bytes;
    uint64_t stall;
};

#define ONE(name) +1
constexpr int IN = 0 INPUTS(ONE), OUT = 0 OUTPUTS(ONE);

struct Run {
    Stream inputs[IN];
    Space outputs[OUT];
    uint64_t states[IN + OUT];
    uint64_t max_cycles, quiet_limit, resume;
    // Results.
    uint64_t outcome, cycles, status, handshakes;
    uint64_t moved[IN + OUT];
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

// One stream out of the core.
struct Sink {
    const Space& into;
    const uint8_t* payload;
    uint64_t size;
    const CData& valid;
    CData& ready;
    Random random;
    uint64_t next = 0;

    void drive() { ready = !random.below(into.stall); }
    bool fires() const { return valid && ready; }
    bool full() const { return next == into.beats; }
    void take() {
        std::memcpy(into.data + next * into.bytes, payload, into.bytes);
        into.last[next++] = payload[into.bytes] & 1;
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
#define QUIET(name) m_top->PORT(name, valid) = 0;
#define CLOSED(name) m_top->PORT(name, ready) = 0;
    INPUTS(QUIET)
    OUTPUTS(CLOSED)
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
    const Stream* input = run.inputs;
    const Space* output = run.outputs;
#define SOURCE(name)                                                                   \
    Source{*input++, raw(top.PORT(name, payload)), sizeof top.PORT(name, payload),     \
           top.PORT(name, valid), top.PORT(name, ready), random()},
#define SINK(name)                                                                     \
    Sink{*output++, raw(top.PORT(name, payload)), sizeof top.PORT(name, payload),      \
         top.PORT(name, valid), top.PORT(name, ready), random()},
    Source sources[] = {INPUTS(SOURCE)};
    Sink sinks[] = {OUTPUTS(SINK)};
    for (const Source& source : sources)
        if (source.from.bytes + (source.from.last ? 1 : 0) > source.size)
            throw std::runtime_error("a beat is wider than its port");
    for (const Sink& sink : sinks)
        if (sink.into.bytes + 1 > sink.size)
            throw std::runtime_error("a beat is wider than its port");

    begin(run);
    uint64_t quiet = 0;
    uint64_t cycle = 0;
    Outcome outcome = CYCLE_LIMIT;
    bool stopped = false;
    for (; cycle < run.max_cycles; ++cycle) {
        for (Source& source : sources) source.drive();
        for (Sink& sink : sinks) sink.drive();
        settle();
        if (top.status & 6) {
            outcome = STOPPED;
            stopped = true;
            break;
        }
        bool moved = false;
        bool fires[IN];
        for (int n = 0; n < IN; ++n) moved |= fires[n] = sources[n].fires();
        bool overflow = false;
        for (Sink& sink : sinks) {
            if (!sink.fires()) continue;
            overflow |= sink.full();
            if (!sink.full()) sink.take();
            moved = true;
        }
        if (overflow) {
            outcome = TOO_MANY_BEATS;
            break;
        }
        edge();
        for (int n = 0; n < IN; ++n)
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
    run.status = top.status;
    run.handshakes = 0;
    for (int n = 0; n < IN; ++n) {
        run.moved[n] = sources[n].next;
        run.handshakes |= uint64_t(sources[n].valid | sources[n].ready << 1) << 2 * n;
    }
    for (int n = 0; n < OUT; ++n) {
        run.moved[IN + n] = sinks[n].next;
        run.handshakes |= uint64_t(sinks[n].valid | sinks[n].ready << 1) << 2 * (IN + n);
    }
    // The counters are final one cycle after the core has stopped.
    for (Source& source : sources) source.valid = 0;
    for (Sink& sink : sinks) sink.ready = 0;
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
