"""Job sequencer: takes jobs from their ring, runs their programs and reports."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.accelerator.records import ADDRESS_BITS, RECORD_BYTES

from .axi import ReadSignature, fault_layout
from .job_fetch import JobFetch, job_layout
from .registers import counters_layout, register_layout, settings_layout, state_layout

__all__ = ["FETCH", "JobSequencer", "NodeSignature"]

FETCH = 255
"""``ERROR.core`` of a fault in fetching a job."""
COUNT_BITS = 16


class NodeSignature(wiring.Signature):
    """One core as the job sequencer sees it.

    ``start`` gives the address of a program.  ``done`` is set for a cycle when it has ended and
    the memory has acknowledged its results; ``counters`` stay from then on until a reset.
    ``fault`` stays until a reset as well.  ``quiet``: nothing is on offer to the bus or
    outstanding; it counts from the second cycle of ``stop`` on.
    """

    def __init__(self):
        super().__init__({
            "start": Out(stream.Signature(ADDRESS_BITS)),
            "done": In(1),
            "fault": In(fault_layout()),
            "quiet": In(1),
            "counters": In(counters_layout()),
        })


class JobSequencer(wiring.Component):
    """Job sequencer.

    While ``CONTROL.enable`` is set and ``HEAD`` is not ``TAIL``: fetches the job of ``HEAD``,
    starts the programs, waits for all of them, stops the cores, waits until the bus is quiet,
    publishes counters, tag and cycles, increments ``HEAD``, raises the interrupt and resets the
    cores.  ``enable`` matters only between jobs.

    The first fault, of equal ones that of the lowest core, is kept; it stops everything until
    ``CONTROL.clear``.  That is obeyed at any time: everything is stopped, and once the bus is
    quiet the cores are reset, ``HEAD`` and the fault become 0 and ``cleared`` is raised.

    Faults in fetching a job are those of :class:`JobFetch`.

    Timing: a job is on ``bus.ar`` five cycles after ``TAIL`` is not ``HEAD`` any more, its
    programs are on offer three cycles after its last beat came, ``events.done`` comes three
    cycles after the last ``done`` if the bus is quiet by then, and the next job is on ``bus.ar``
    seven cycles after that.

    Parameters
    ----------
    acc : AcceleratorConfig

    Members
    -------
    settings : ``In(settings_layout())``
    state : ``Out(state_layout())``
    counters : ``Out(ArrayLayout(counters_layout(), cores))``
        Of the job that ended last; 0 for a core without a program.
    events : ``Out(register_layout("IRQ_STATUS"))``
        Each set for one cycle.
    cleared : ``Out(1)``
        For one cycle.
    bus : ``Out(ReadSignature(acc))``
    nodes : ``Out(NodeSignature()).array(cores)``
    stop : ``Out(1)``
        The cores ask for nothing more.
    reset : ``Out(1)``
        Resets the cores.
    window_first, window_last : ``Out(48)``
        Lowest and highest address that may be accessed.
    """

    def __init__(self, acc):
        self._acc = acc
        super().__init__({
            "settings": In(settings_layout()),
            "state": Out(state_layout()),
            "counters": Out(data.ArrayLayout(counters_layout(), acc.cores)),
            "events": Out(register_layout("IRQ_STATUS")),
            "cleared": Out(1),
            "bus": Out(ReadSignature(acc)),
            "nodes": Out(NodeSignature()).array(acc.cores),
            "stop": Out(1),
            "reset": Out(1),
            "window_first": Out(ADDRESS_BITS),
            "window_last": Out(ADDRESS_BITS),
        })

    def elaborate(self, platform):
        m = Module()
        clear = self.settings.control.clear
        begin, active, idle, quiet, commit = (
            Signal(name=name) for name in ("begin", "active", "idle", "quiet", "commit"))
        m.submodules.fetch = ResetInserter(self.reset)(fetch := JobFetch(self._acc))
        self._connect(m, fetch)
        failed = self._faults(m, fetch.fault)
        running, tag = self._programs(m, fetch.o.p, begin, active)
        more = self._head(m, fetch.i.payload, commit)
        self._report(m, idle, commit, tag)
        stopped = Signal()
        m.d.sync += stopped.eq(self.stop)
        m.d.comb += [
            quiet.eq(stopped & fetch.quiet & Cat(node.quiet for node in self.nodes).all()),
            self.events.done.eq(commit),
            self.state.status.clearing.eq(clear), self.state.status.running.eq(running),
            self.state.status.busy.eq(~idle & ~self.reset & ~self.state.status.error),
        ]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += idle.eq(1)
                with m.If(clear | failed):
                    m.next = "STOP"
                with m.Elif(self.settings.control.enable & more):
                    m.d.comb += fetch.i.valid.eq(1)
                    m.next = "FETCH"
            with m.State("FETCH"):
                with m.If(clear | failed):
                    m.next = "STOP"
                with m.Else():
                    m.d.comb += [fetch.o.ready.eq(1), begin.eq(fetch.o.valid)]
                    with m.If(begin):
                        m.next = "RUN"
            with m.State("RUN"):
                m.d.comb += active.eq(1)
                with m.If(clear | failed | ~running.any()):
                    m.next = "STOP"
            with m.State("STOP"):
                # After a fault only a clear goes on from here.
                m.d.comb += [self.stop.eq(1), commit.eq(quiet & ~clear & ~failed)]
                with m.If(commit | (quiet & clear)):
                    m.next = "RESET"
            with m.State("RESET"):
                m.d.comb += [self.reset.eq(1), self.cleared.eq(clear)]
                m.next = "IDLE"
        return m

    def _connect(self, m, fetch):
        """The bus, the window and what else the fetch unit needs to know."""
        wiring.connect(m, fetch.bus, wiring.flipped(self.bus))
        for end in ("window_first", "window_last"):
            address, limit = self.settings[end], (1 << ADDRESS_BITS) - 1
            m.d.comb += [
                getattr(self, end).eq(Mux(address[ADDRESS_BITS:].any(), limit, address)),
                getattr(fetch, end).eq(getattr(self, end)),
            ]
        m.d.comb += [fetch.timeout.eq(self.settings.timeout), fetch.stop.eq(self.stop)]

    def _faults(self, m, fetching):
        """Keep the first fault; returns whether there is one, in the cycle that shows it too."""
        error, found, where = Signal(), Signal(fault_layout()), Signal(8)
        kept = Signal(self.state.error.shape())
        address = Signal(ADDRESS_BITS)
        sources = [(FETCH, fetching), *enumerate(node.fault for node in self.nodes)]
        for number, fault in reversed(sources):
            with m.If(fault.valid):
                m.d.comb += [found.eq(fault), where.eq(number)]
        with m.If(found.valid & ~error):
            m.d.comb += self.events.error.eq(1)
            m.d.sync += [error.eq(1), kept.code.eq(found.code), kept.core.eq(where),
                         address.eq(found.address)]
        with m.If(self.cleared):
            m.d.sync += [error.eq(0), kept.eq(0), address.eq(0)]
        m.d.comb += [self.state.status.error.eq(error), self.state.error.eq(kept),
                     self.state.error_address.eq(address)]
        return error | found.valid

    def _programs(self, m, fetched, begin, active):
        """Start the programs of a job; returns which cores have not finished, and the tag."""
        job = Signal(job_layout(self._acc))
        waiting, running = (Signal(self._acc.cores, name=name) for name in ("waiting", "running"))
        with m.If(begin):
            m.d.sync += job.eq(fetched)
        for n, node in enumerate(self.nodes):
            m.d.comb += [node.start.valid.eq(active & waiting[n]),
                         node.start.payload.eq(job.programs[n])]
            with m.If(begin):
                takes_part = fetched.programs[n].any()
                m.d.sync += [waiting[n].eq(takes_part), running[n].eq(takes_part)]
            with m.If(node.start.valid & node.start.ready):
                m.d.sync += waiting[n].eq(0)
            with m.If(node.done | self.reset):
                m.d.sync += running[n].eq(0)
        return running, job.tag

    def _head(self, m, place, commit):
        """Count jobs and give the place of the next one; returns whether there is one."""
        head, entry = Signal(COUNT_BITS), Signal(COUNT_BITS)
        with m.If(commit):
            m.d.sync += head.eq(head + 1)
        with m.If(self.cleared):
            m.d.sync += head.eq(0)
        size = Signal(COUNT_BITS)
        m.d.comb += [
            size.eq(1 << self.settings.ring_size.log2), entry.eq(head & (size - 1)),
            place.eq(self.settings.ring + entry * RECORD_BYTES),
            self.state.head.count.eq(head),
        ]
        return head != self.settings.tail.count

    def _report(self, m, idle, commit, tag):
        """Cycles while a job runs; when it has ended, what software reads about it."""
        cycles = Signal(64)
        results = Signal(data.StructLayout({"tag": 64, "cycles": 64}))
        m.d.sync += cycles.eq(Mux(idle, 0, cycles + 1))
        with m.If(commit):
            m.d.sync += [results.tag.eq(tag), results.cycles.eq(cycles + 1)]
            m.d.sync += [self.counters[n].eq(node.counters) for n, node in enumerate(self.nodes)]
        m.d.comb += [self.state.job_tag.eq(results.tag), self.state.job_cycles.eq(results.cycles)]
