// Runs 64 jobs with streams on a netlist; the counterpart of model.py.  No stream waits: every
// source offers what it has, the sink is always ready.
#include <algorithm>
#include <utility>

struct Source {
    const int32_t* payload;     // nets
    uint64_t width;
    int32_t valid, ready;
    uint64_t bytes;             // of a beat; one more bit is its last
    const uint8_t* const* data; // of each run
    const uint8_t* const* last; // of each run, or null
    const uint64_t* beats;
};

struct Job {
    const Source* sources;
    uint64_t count;
    const int32_t* out;
    uint64_t out_width;
    int32_t out_valid, out_ready, reset, pad;
    uint8_t* const* results;    // of each run, bytes of a beat one after the other
    const uint64_t* out_beats;
    uint64_t out_bytes, max_cycles;
    // Results.
    uint64_t* cycles;           // of each run, from reset to the last beat out
    uint64_t *toggles, *ones, *differs, *enabled;
};

namespace {

class Driver {
public:
    Driver(Netlist& netlist, const Source& from) : m_netlist{netlist}, m_from{from}, m_next(64) {}

    void begin() {
        m_words.assign(m_from.width, 0);
        for (int run = 0; run < 64; ++run) offer(run);
        drive();
    }
    void note() { m_fires = m_netlist.value[m_from.valid] & m_netlist.value[m_from.ready]; }
    void advance() {
        for (Word left = m_fires; left; left &= left - 1) {
            const int run = __builtin_ctzll(left);
            ++m_next[run];
            offer(run);
        }
        if (m_fires) drive();
    }

private:
    // What the run has next; without more, the payload stays.
    void offer(int run) {
        const Word mine = Word{1} << run;
        m_valid &= ~mine;
        if (m_next[run] >= m_from.beats[run]) return;
        m_valid |= mine;
        const uint8_t* beat = m_from.data[run] + m_next[run] * m_from.bytes;
        for (uint64_t bit = 0; bit < m_from.width; ++bit) {
            const bool set = bit < 8 * m_from.bytes ? beat[bit / 8] >> bit % 8 & 1
                                                    : m_from.last[run][m_next[run]];
            m_words[bit] = set ? m_words[bit] | mine : m_words[bit] & ~mine;
        }
    }
    void drive() {
        for (uint64_t bit = 0; bit < m_from.width; ++bit)
            m_netlist.put(m_from.payload[bit], m_words[bit]);
        m_netlist.put(m_from.valid, m_valid);
    }

    Netlist& m_netlist;
    const Source& m_from;
    std::vector<uint64_t> m_next;
    std::vector<Word> m_words;
    Word m_valid = 0, m_fires = 0;
};

void run_jobs(Netlist& netlist, Job& job) {
    std::vector<Driver> drivers;
    for (uint64_t n = 0; n < job.count; ++n) drivers.emplace_back(netlist, job.sources[n]);
    std::vector<uint64_t> taken(64);
    netlist.put(job.out_ready, ONE);
    netlist.put(job.reset, ONE);
    for (int n = 0; n < 2; ++n) {
        netlist.settle();
        netlist.edge();
    }
    netlist.put(job.reset, ZERO);
    for (Driver& driver : drivers) driver.begin();
    netlist.settle();
    Word running = 0;
    for (int run = 0; run < 64; ++run)
        if (job.out_beats[run]) running |= Word{1} << run;
    for (uint64_t cycle = 1; running; ++cycle) {
        if (cycle > job.max_cycles) throw std::runtime_error("no end within the limit of cycles");
        netlist.active = running;
        for (Driver& driver : drivers) driver.note();
        const Word fires = netlist.value[job.out_valid] & running;
        for (Word left = fires; left; left &= left - 1) {
            const int run = __builtin_ctzll(left);
            uint8_t* beat = job.results[run] + taken[run] * job.out_bytes;
            for (uint64_t bit = 0; bit < 8 * job.out_bytes; ++bit)
                beat[bit / 8] |= (netlist.value[job.out[bit]] >> run & 1) << bit % 8;
            if (++taken[run] < job.out_beats[run]) continue;
            running &= ~(Word{1} << run);
            job.cycles[run] = cycle;
        }
        netlist.edge();
        for (Driver& driver : drivers) driver.advance();
        netlist.settle();
    }
    netlist.active = 0;
}

}  // namespace

extern "C" {

void* gates_new(const char* path, uint64_t seed) {
    try {
        return new Netlist{path, seed};
    } catch (const std::exception&) {
        return nullptr;
    }
}

void gates_delete(void* netlist) { delete static_cast<Netlist*>(netlist); }

// Gives the reason of a failure, or null.
const char* gates_run(void* handle, Job* job) {
    static std::string message;
    Netlist& netlist = *static_cast<Netlist*>(handle);
    try {
        run_jobs(netlist, *job);
    } catch (const std::exception& error) {
        message = error.what();
        return message.c_str();
    }
    const std::pair<const std::vector<uint64_t>*, uint64_t*> results[] = {
        {&netlist.toggles, job->toggles}, {&netlist.ones, job->ones},
        {&netlist.differs, job->differs}, {&netlist.enabled, job->enabled}};
    for (const auto& [from, to] : results) std::copy(from->begin(), from->end(), to);
    return nullptr;
}

}
