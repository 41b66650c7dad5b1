// What an AXI4 master may do, and what the simulated memory is told to do; the counterpart of
// timing.py and model.py.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

namespace memory {

constexpr int IDS = 64, BURST_BYTES = 256;
enum Response : uint8_t { OKAY, EXOKAY, SLVERR, DECERR };
// Random decisions, one generator each, in the order of Settings.
enum Choice { AR, R, AW, W, B, LITE, ORDER, SPREAD, CHOICES };

// splitmix64: every choice has its own, so that one pattern does not depend on another.
struct Random {
    uint64_t state = 0;
    uint32_t next() {
        uint64_t z = (state += 0x9E3779B97F4A7C15ULL);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        return (z ^ (z >> 31)) >> 32;
    }
    bool below(uint64_t threshold) { return threshold && next() < threshold; }
    uint64_t upto(uint64_t most) { return most ? next() % (most + 1) : 0; }
};

struct Settings {
    uint64_t base, size;
    uint8_t* bytes;
    uint64_t latency, spread, reorder;
    uint64_t stalls[LITE + 1];
    uint64_t states[CHOICES];
    // The beat read, and the burst written, that is answered with an error: counted from 1, or
    // those that cover an address; NOWHERE: none.
    uint64_t read_beat, write_burst, read_address, write_address, response;
    uint64_t log;
};

constexpr uint64_t NOWHERE = ~uint64_t(0);

// One entry of the log.
struct Burst {
    uint64_t writes, id, address, beats, cycle;
};

struct Statistics {
    uint64_t cycles, read_bursts, read_beats, write_bursts, write_beats, write_bytes;
    uint64_t outstanding_most, outstanding_sum;
    // Errors that were asked for: how many, and where the first one was.
    uint64_t faults, fault_address, fault_id;
    uint64_t read_beats_of[IDS], write_beats_of[IDS];
};

[[noreturn]] inline void violation(const std::string& text) { throw std::runtime_error(text); }

inline std::string hexadecimal(uint64_t value) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
    return text;
}

// What AW and AR carry.
struct Address {
    uint64_t id, address, len, size, burst, lock, cache, prot, qos;
    bool operator==(const Address& other) const {
        return !std::memcmp(this, &other, sizeof(Address));
    }
};

struct Beat {
    uint8_t data[16];
    uint64_t strobes, last;
    bool operator==(const Beat& other) const {
        return !std::memcmp(data, other.data, 16) && strobes == other.strobes
            && last == other.last;
    }
};

// What is on offer must stay as it is until it is taken.
template <class Payload> struct Held {
    const char* channel;
    bool pending = false;
    Payload payload{};
    void check(bool valid, bool ready, const Payload& now) {
        if (pending && !valid) violation(std::string(channel) + "valid fell before ready");
        if (pending && !(now == payload))
            violation(std::string(channel) + " payload changed before ready");
        pending = valid && !ready;
        payload = now;
    }
};

// Rules of a burst that concern its address; the house's are narrower than the protocol's.
inline void check_address(const std::string& channel, const Address& a, uint64_t bus_bytes) {
    const uint64_t start = a.address / bus_bytes * bus_bytes;
    const uint64_t end = start + (a.len + 1) * bus_bytes - 1;
    const std::string where = channel + " burst at " + hexadecimal(a.address) + ", len "
        + std::to_string(a.len) + ", id " + std::to_string(a.id) + " ";
    if (uint64_t(1) << a.size != bus_bytes) violation(where + "is not full width");
    if (a.burst != 1) violation(where + "is not INCR");
    if (start / BURST_BYTES != end / BURST_BYTES)
        violation(where + "crosses a multiple of 256 bytes");
    if (a.lock || a.cache != 3 || a.prot || a.qos)
        violation(where + "has a wrong lock, cache, prot or qos");
    if (channel == "AW" && a.id & 15) violation(where + "has a channel in its id");
}

}  // namespace memory
