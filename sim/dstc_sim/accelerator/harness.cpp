// The clock, the ports of the verilated accelerator, and its memory; model.py puts protocol.cpp
// and memory.cpp in front.
#include <memory>

#include "Vtop.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

void vl_fatal(const char*, int, const char*, const char* message) {
    throw std::runtime_error(message);
}

namespace {

using memory::Address;
using memory::Beat;
using memory::Held;
using memory::violation;

enum Ending : uint64_t { INTERRUPT, CYCLES, QUIET };

template <class Port> uint8_t* raw(Port& port) { return reinterpret_cast<uint8_t*>(&port); }

struct Answer {
    uint64_t data, response;
    bool operator==(const Answer& other) const {
        return data == other.data && response == other.response;
    }
};

class Simulation {
public:
    explicit Simulation(const char* trace) : m_top{new Vtop{&m_context}} {
        m_memory.bus_bytes = sizeof m_top->m_axi_rdata;
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

    void reset(uint64_t cycles) {
        Vtop& top = *m_top;
        top.rst = 1;
        top.m_axi_rvalid = top.m_axi_bvalid = 0;
        top.m_axi_arready = top.m_axi_awready = top.m_axi_wready = 0;
        top.s_axi_awvalid = top.s_axi_wvalid = top.s_axi_arvalid = 0;
        top.s_axi_bready = top.s_axi_rready = 0;
        for (uint64_t n = 0; n < cycles; ++n) {
            settle();
            edge();
        }
        top.rst = 0;
        m_memory.reset();
        m_ar.pending = m_aw.pending = m_w.pending = m_lite_r.pending = m_lite_b.pending = false;
        m_quiet = 0;
    }

    Ending run(uint64_t cycles, uint64_t quiet_limit, bool until_interrupt) {
        settle();
        bool raised = m_top->irq;
        for (uint64_t n = 0;; ++n) {
            if (until_interrupt && raised) return INTERRUPT;
            if (n == cycles) return CYCLES;
            if (m_quiet >= quiet_limit) return QUIET;
            step([&](const Vtop& top) {
                raised = top.irq;
                if (top.s_axi_rvalid || top.s_axi_bvalid)
                    violation("s_axi answered what nobody asked");
            });
        }
    }

    void read(uint64_t offset, Answer& answer) {
        Vtop& top = *m_top;
        top.s_axi_araddr = offset;
        top.s_axi_arprot = 0;
        bool asked = false, answered = false;
        top.s_axi_arvalid = !wait();
        for (uint64_t n = 0; !answered; ++n) {
            require(n, "read", offset);
            top.s_axi_rready = !wait();
            bool takes = false;
            step([&](const Vtop& now) {
                takes = now.s_axi_arvalid && now.s_axi_arready;
                const Answer given{now.s_axi_rdata, now.s_axi_rresp};
                m_lite_r.check(now.s_axi_rvalid, now.s_axi_rready, given);
                if (!now.s_axi_rvalid || !now.s_axi_rready) return;
                if (!asked) violation("s_axi r came without an address");
                answer = given;
                answered = true;
            });
            asked |= takes;
            top.s_axi_arvalid = !asked && (top.s_axi_arvalid || !wait());
        }
        top.s_axi_rready = 0;
    }

    void write(uint64_t offset, uint64_t value, uint64_t strobes, Answer& answer) {
        Vtop& top = *m_top;
        top.s_axi_awaddr = offset;
        top.s_axi_awprot = 0;
        top.s_axi_wdata = value;
        top.s_axi_wstrb = strobes;
        bool addressed = false, given = false, answered = false;
        top.s_axi_awvalid = !wait();
        top.s_axi_wvalid = !wait();
        for (uint64_t n = 0; !answered; ++n) {
            require(n, "write", offset);
            top.s_axi_bready = !wait();
            bool takes_address = false, takes_data = false;
            step([&](const Vtop& now) {
                takes_address = now.s_axi_awvalid && now.s_axi_awready;
                takes_data = now.s_axi_wvalid && now.s_axi_wready;
                const Answer response{0, now.s_axi_bresp};
                m_lite_b.check(now.s_axi_bvalid, now.s_axi_bready, response);
                if (!now.s_axi_bvalid || !now.s_axi_bready) return;
                if (!addressed || !given) violation("s_axi b came before address and data");
                answer = response;
                answered = true;
            });
            addressed |= takes_address;
            given |= takes_data;
            top.s_axi_awvalid = !addressed && (top.s_axi_awvalid || !wait());
            top.s_axi_wvalid = !given && (top.s_axi_wvalid || !wait());
        }
        top.s_axi_bready = 0;
    }

    uint64_t interrupt() {
        settle();
        return m_top->irq;
    }
    memory::Memory& memory() { return m_memory; }
    std::string message;

private:
    static constexpr uint64_t LITE_LIMIT = 100'000;

    bool wait() { return m_memory.stalls(memory::LITE); }
    void require(uint64_t cycles, const char* what, uint64_t offset) {
        if (cycles == LITE_LIMIT)
            violation(std::string("s_axi did not end a ") + what + " of "
                      + memory::hexadecimal(offset));
    }

    void settle() {
        m_top->clk = 0;
        m_top->eval();
    }
    void edge() {
        dump();
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

    Address read_address() const {
        const Vtop& top = *m_top;
        return {top.m_axi_arid, top.m_axi_araddr, top.m_axi_arlen, top.m_axi_arsize,
                top.m_axi_arburst, top.m_axi_arlock, top.m_axi_arcache, top.m_axi_arprot,
                top.m_axi_arqos};
    }
    Address write_address() const {
        const Vtop& top = *m_top;
        return {top.m_axi_awid, top.m_axi_awaddr, top.m_axi_awlen, top.m_axi_awsize,
                top.m_axi_awburst, top.m_axi_awlock, top.m_axi_awcache, top.m_axi_awprot,
                top.m_axi_awqos};
    }
    Beat write_beat() {
        Beat beat{};
        std::memcpy(beat.data, raw(m_top->m_axi_wdata), m_memory.bus_bytes);
        beat.strobes = m_top->m_axi_wstrb;
        beat.last = m_top->m_axi_wlast;
        return beat;
    }

    // One clock cycle: what the memory offers, what moves, the edge.  `sample` sees the ports as
    // they are at the edge.
    template <class Sample> void step(Sample sample) {
        Vtop& top = *m_top;
        top.m_axi_arready = !m_memory.stalls(memory::AR);
        top.m_axi_awready = !m_memory.stalls(memory::AW);
        top.m_axi_wready = !m_memory.stalls(memory::W);
        if (!top.m_axi_rvalid && !m_memory.stalls(memory::R)) {
            uint64_t id = 0, response = 0, last = 0;
            if (m_memory.offer_read(raw(top.m_axi_rdata), id, response, last)) {
                top.m_axi_rid = id;
                top.m_axi_rresp = response;
                top.m_axi_rlast = last;
                top.m_axi_rvalid = 1;
            }
        }
        if (!top.m_axi_bvalid && !m_memory.stalls(memory::B)) {
            uint64_t id = 0, response = 0;
            if (m_memory.offer_response(id, response)) {
                top.m_axi_bid = id;
                top.m_axi_bresp = response;
                top.m_axi_bvalid = 1;
            }
        }
        settle();
        sample(top);
        m_ar.check(top.m_axi_arvalid, top.m_axi_arready, read_address());
        m_aw.check(top.m_axi_awvalid, top.m_axi_awready, write_address());
        m_w.check(top.m_axi_wvalid, top.m_axi_wready, write_beat());
        const bool reads = top.m_axi_rvalid && top.m_axi_rready;
        const bool responds = top.m_axi_bvalid && top.m_axi_bready;
        bool moved = reads || responds;
        if (reads) m_memory.read_taken();
        if (responds) m_memory.response_taken();
        if (top.m_axi_arvalid && top.m_axi_arready) {
            m_memory.take_read(read_address());
            moved = true;
        }
        if (top.m_axi_awvalid && top.m_axi_awready) {
            m_memory.take_write_address(write_address());
            moved = true;
        }
        if (top.m_axi_wvalid && top.m_axi_wready) {
            m_memory.take_write_beat(write_beat());
            moved = true;
        }
        edge();
        if (reads) top.m_axi_rvalid = 0;
        if (responds) top.m_axi_bvalid = 0;
        m_quiet = moved ? 0 : m_quiet + 1;
        m_memory.tick();
    }

    VerilatedContext m_context;
    std::unique_ptr<Vtop> m_top;
#if VM_TRACE
    std::unique_ptr<VerilatedVcdC> m_trace;
#endif
    memory::Memory m_memory;
    Held<Address> m_ar{"m_axi ar"}, m_aw{"m_axi aw"};
    Held<Beat> m_w{"m_axi w"};
    Held<Answer> m_lite_r{"s_axi r"}, m_lite_b{"s_axi b"};
    uint64_t m_time = 0, m_quiet = 0;
};

}  // namespace
