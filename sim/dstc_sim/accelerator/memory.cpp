// An AXI4 memory: the other side of the device's master port.
//
// It is the weakest memory that the protocol allows.  A read has the bytes that were there when its
// address was taken; written bytes are there when the response is offered.  Who orders accesses by
// anything but responses reads old bytes here.
namespace memory {

struct Read {
    uint64_t id, start, due, beats, next = 0;
    uint8_t data[BURST_BYTES];
    bool decode_error;
};

struct Write {
    Address address;
    std::vector<Beat> beats;
    uint64_t due = 0;
};

class Memory {
public:
    Settings settings{};
    Statistics statistics{};
    int bus_bytes = 0;
    Random random[CHOICES];

    void configure(const Settings& given) {
        settings = given;
        for (int n = 0; n < CHOICES; ++n) random[n].state = given.states[n];
        m_reads_seen = m_writes_seen = 0;
        statistics.faults = statistics.fault_address = statistics.fault_id = 0;
    }

    // Forgets what is under way, as the reset of everything does.
    void reset() {
        m_reads.clear();
        m_addresses.clear();
        m_beats.clear();
        m_done.clear();
        m_now = 0;
    }

    bool stalls(Choice channel) { return random[channel].below(settings.stalls[channel]); }

    void take_read(const Address& address) {
        check_address("AR", address, bus_bytes);
        Read read;
        read.id = address.id;
        read.beats = address.len + 1;
        read.due = due();
        const uint64_t start = read.start = address.address / bus_bytes * bus_bytes;
        read.decode_error = !inside(start, read.beats * bus_bytes);
        if (read.decode_error)
            std::memset(read.data, 0xA5, sizeof read.data);
        else
            std::memcpy(read.data, settings.bytes + start - settings.base,
                        read.beats * bus_bytes);
        m_reads.push_back(read);
        ++statistics.read_bursts;
        note(false, address);
    }

    // The next beat to offer, if there is one; to be called when the one before has been taken.
    bool offer_read(uint8_t* data, uint64_t& id, uint64_t& response, uint64_t& last) {
        m_serving = choose_read();
        if (m_serving == nullptr) return false;
        ++m_reads_seen;
        const Read& read = *m_serving;
        const uint64_t at = read.start + read.next * bus_bytes;
        const bool fault = m_reads_seen == settings.read_beat
            || settings.read_address / bus_bytes * bus_bytes == at;
        if (fault) count_fault(at, read.id);
        std::memcpy(data, read.data + read.next * bus_bytes, bus_bytes);
        // Data that comes with an error is not to be used.
        if (fault)
            for (int n = 0; n < bus_bytes; ++n) data[n] ^= 0xFF;
        id = read.id;
        response = fault ? settings.response : read.decode_error ? DECERR : OKAY;
        last = read.next + 1 == read.beats;
        return true;
    }

    void read_taken() {
        ++statistics.read_beats;
        ++statistics.read_beats_of[m_serving->id];
        if (++m_serving->next == m_serving->beats)
            for (auto each = m_reads.begin(); each != m_reads.end(); ++each)
                if (&*each == m_serving) {
                    m_reads.erase(each);
                    break;
                }
    }

    void take_write_address(const Address& address) {
        check_address("AW", address, bus_bytes);
        m_addresses.push_back(address);
        ++statistics.write_bursts;
        note(true, address);
        match();
    }

    void take_write_beat(const Beat& beat) {
        m_beats.push_back(beat);
        ++statistics.write_beats;
        statistics.write_bytes += __builtin_popcountll(beat.strobes);
        match();
    }

    bool offer_response(uint64_t& id, uint64_t& response) {
        if (!choose_write()) return false;
        ++m_writes_seen;
        const Write& write = m_done[m_chosen];
        const bool fault = faulty(write.address);
        if (fault) count_fault(write.address.address, write.address.id);
        id = write.address.id;
        response = fault ? settings.response : commit(write);
        return true;
    }

    void response_taken() { m_done.erase(m_done.begin() + m_chosen); }

    void tick() {
        ++m_now;
        ++statistics.cycles;
        statistics.outstanding_sum += m_reads.size();
        if (m_reads.size() > statistics.outstanding_most)
            statistics.outstanding_most = m_reads.size();
    }

    bool quiet() const {
        return m_reads.empty() && m_addresses.empty() && m_beats.empty() && m_done.empty();
    }

    std::vector<Burst> log;

private:
    void note(bool writes, const Address& a) {
        if (settings.log) log.push_back({writes, a.id, a.address, a.len + 1, statistics.cycles});
    }

    void count_fault(uint64_t address, uint64_t id) {
        if (!statistics.faults++) {
            statistics.fault_address = address;
            statistics.fault_id = id;
        }
    }

    bool faulty(const Address& a) const {
        const uint64_t start = a.address / bus_bytes * bus_bytes;
        return m_writes_seen == settings.write_burst
            || (settings.write_address >= start
                && settings.write_address < start + (a.len + 1) * bus_bytes);
    }

    bool inside(uint64_t start, uint64_t bytes) const {
        return start >= settings.base && start - settings.base <= settings.size
            && bytes <= settings.size - (start - settings.base);
    }

    uint64_t due() { return m_now + settings.latency + random[SPREAD].upto(settings.spread); }

    // In order, or of any id its oldest burst: bursts of different ids overtake each other and
    // their beats mix.
    Read* choose_read() {
        Read* candidates[IDS];
        int count = 0;
        uint64_t seen = 0;
        for (Read& read : m_reads) {
            const uint64_t bit = uint64_t(1) << read.id;
            if (!(seen & bit) && read.due <= m_now) candidates[count++] = &read;
            seen |= bit;
            if (!settings.reorder) break;
        }
        return count ? candidates[random[ORDER].upto(count - 1)] : nullptr;
    }

    bool choose_write() {
        size_t candidates[IDS];
        int count = 0;
        uint64_t seen = 0;
        for (size_t n = 0; n < m_done.size(); ++n) {
            const uint64_t bit = uint64_t(1) << m_done[n].address.id;
            if (!(seen & bit) && m_done[n].due <= m_now) candidates[count++] = n;
            seen |= bit;
            if (!settings.reorder) break;
        }
        if (count) m_chosen = candidates[random[ORDER].upto(count - 1)];
        return count;
    }

    // Data beats belong to addresses in their order, whichever came first.
    void match() {
        while (!m_addresses.empty() && m_beats.size() > m_addresses.front().len) {
            Write write{m_addresses.front(), {}, due()};
            m_addresses.pop_front();
            const uint64_t beats = write.address.len + 1;
            const std::string where = "W beats of the burst at "
                + hexadecimal(write.address.address) + " ";
            for (uint64_t n = 0; n < beats; ++n) {
                const Beat& beat = m_beats.front();
                const uint64_t before = n ? 0 : write.address.address % bus_bytes;
                if (beat.last != (n + 1 == beats)) violation(where + "have a wrong last");
                if (beat.strobes & ((uint64_t(1) << before) - 1))
                    violation(where + "have a strobe below its address");
                write.beats.push_back(beat);
                m_beats.pop_front();
            }
            statistics.write_beats_of[write.address.id] += beats;
            m_done.push_back(write);
        }
        // A burst that ends early would otherwise be noticed only with the next one.
        if (!m_addresses.empty())
            for (const Beat& beat : m_beats)
                if (beat.last) violation("W beats of the burst at "
                    + hexadecimal(m_addresses.front().address) + " have a wrong last");
    }

    uint8_t commit(const Write& write) {
        uint64_t at = write.address.address / bus_bytes * bus_bytes;
        if (!inside(at, write.beats.size() * bus_bytes)) return DECERR;
        for (const Beat& beat : write.beats) {
            for (int n = 0; n < bus_bytes; ++n)
                if (beat.strobes >> n & 1) settings.bytes[at - settings.base + n] = beat.data[n];
            at += bus_bytes;
        }
        return OKAY;
    }

    uint64_t m_now = 0, m_reads_seen = 0, m_writes_seen = 0;
    std::deque<Read> m_reads;
    Read* m_serving = nullptr;
    std::deque<Address> m_addresses;
    std::deque<Beat> m_beats;
    std::deque<Write> m_done;
    size_t m_chosen = 0;
};

}  // namespace memory
