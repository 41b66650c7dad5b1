// A netlist behind the ports of a Verilog module; the counterpart of shell.py, which puts the
// numbers of the nets in front: INPUTS and OUTPUTS, bit 0 of the first port first, and WATCHED,
// pairs of a net and the valid of its stream, or net 1.
// All 64 runs get the same inputs from different states, so a bit in which they differ is one that
// the reset did not reach.  The first run is what the ports show.
#include <memory>

#include "verilated.h"
#include "svdpi.h"

namespace {

constexpr int32_t inputs[] = {INPUTS}, outputs[] = {OUTPUTS};
constexpr int32_t watched[][2] = {WATCHED};

std::unique_ptr<Netlist> netlist;
bool seen_reset, fresh;

}  // namespace

extern "C" void gates_open(const char* path, unsigned seed) {
    netlist = std::make_unique<Netlist>(path, seed);
}

extern "C" void gates_settle(const svBitVecVal* in, svBitVecVal* out) {
    if (!netlist) return;
    bool changed = false;
    for (int n = 0; n < int(std::size(inputs)); ++n) {
        const Word word = in[n / 32] >> n % 32 & 1 ? ONE : ZERO;
        changed |= netlist->value[inputs[n]] != word;
        netlist->value[inputs[n]] = word;
    }
    if (fresh) netlist->settle(true);
    else if (changed) netlist->settle(false);
    fresh = false;
    for (int n = 0; n < int(std::size(outputs)); ++n) {
        const svBitVecVal bit = svBitVecVal{1} << n % 32;
        out[n / 32] = netlist->value[outputs[n]] & 1 ? out[n / 32] | bit : out[n / 32] & ~bit;
    }
}

// Values are those that the inputs before the edge have settled to.
extern "C" void gates_edge(svBit reset) {
    seen_reset |= reset;
    if (seen_reset && !reset)
        for (const auto& [net, valid] : watched) {
            const Word word = netlist->value[net];
            if (word != ZERO && word != ONE && netlist->value[valid])
                VL_FATAL_MT("netlist", 0, "", "A stream depends on the state before the reset");
        }
    netlist->edge();
    fresh = true;
}
