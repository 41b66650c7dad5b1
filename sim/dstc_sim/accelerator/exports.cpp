// What model.py calls.
namespace {

// The reason of a failure, or null.
template <class Action> const char* guarded(void* handle, Action action) {
    auto* simulation = static_cast<Simulation*>(handle);
    try {
        action(*simulation);
        return nullptr;
    } catch (const std::exception& error) {
        simulation->message = error.what();
        return simulation->message.c_str();
    }
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

void* dstc_new(const char* trace) { return new Simulation{trace}; }

void dstc_delete(void* simulation) { delete static_cast<Simulation*>(simulation); }

const char* dstc_configure(void* handle, const memory::Settings* settings) {
    return guarded(handle, [=](Simulation& it) { it.memory().configure(*settings); });
}

const char* dstc_reset(void* handle, uint64_t cycles) {
    return guarded(handle, [=](Simulation& it) { it.reset(cycles); });
}

const char* dstc_run(void* handle, uint64_t cycles, uint64_t quiet_limit,
                     uint64_t until_interrupt, uint64_t* ending) {
    return guarded(handle, [=](Simulation& it) {
        *ending = it.run(cycles, quiet_limit, until_interrupt);
    });
}

const char* dstc_read(void* handle, uint64_t offset, uint64_t* data, uint64_t* response) {
    return guarded(handle, [=](Simulation& it) {
        Answer answer{};
        it.read(offset, answer);
        *data = answer.data;
        *response = answer.response;
    });
}

const char* dstc_write(void* handle, uint64_t offset, uint64_t value, uint64_t strobes,
                       uint64_t* response) {
    return guarded(handle, [=](Simulation& it) {
        Answer answer{};
        it.write(offset, value, strobes, answer);
        *response = answer.response;
    });
}

uint64_t dstc_interrupt(void* handle) { return static_cast<Simulation*>(handle)->interrupt(); }

void dstc_statistics(void* handle, memory::Statistics* statistics, uint64_t clear) {
    memory::Memory& memory = static_cast<Simulation*>(handle)->memory();
    *statistics = memory.statistics;
    if (clear) memory.statistics = {};
}

// Where the log starts, and its length; it stays until it is cleared.
const memory::Burst* dstc_log(void* handle, uint64_t* length, uint64_t clear) {
    memory::Memory& memory = static_cast<Simulation*>(handle)->memory();
    if (clear) memory.log.clear();
    *length = memory.log.size();
    return memory.log.data();
}

uint64_t dstc_quiet(void* handle) { return static_cast<Simulation*>(handle)->memory().quiet(); }

}
