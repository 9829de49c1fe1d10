# SPDX-License-Identifier: Apache-2.0
"""What the runtime's memory says, for the commands.

All is read by the names and types of the debug information, and no function of the program is
called, so a core file will do. gdb has stopped every thread: what is read is of one moment, but it
may be any moment, within the switch or in a signal's handler.
"""

import struct
import time

import gdb

NS = "sluice::runtime::"
# Deeper than a signal's handler that came upon a goroutine goes.
HANDLER_FRAMES_MAX = 64
READ_BYTES_MAX = 1 << 20


def type_of(name):
    try:
        return gdb.lookup_type(NS + name)
    except gdb.error:
        raise gdb.GdbError(
            "sluice: the program has no debug information of the runtime (type %s%s).\n"
            "Build sluice with -g (-g1 has no types), and do not strip the program; or give gdb\n"
            "what was stripped: symbol-file FILE." % (NS, name)) from None


def variable(name):
    symbol = gdb.lookup_global_symbol(NS + name) or gdb.lookup_static_symbol(NS + name)
    if symbol is None:
        raise gdb.GdbError("sluice: the debug information has no variable %s%s" % (NS, name))
    return symbol.value()


def read(address, size):
    return bytes(gdb.selected_inferior().read_memory(address, size))


def scalar(value):
    """The number that is all that `value` consists of: an integer, a pointer, an atomic of these."""
    return int.from_bytes(read(int(value.address), value.type.sizeof), "little")


def vector(value):
    """Begin and end of a std::vector, with which every library's begins."""
    return struct.unpack("<QQ", read(int(value.address), 16))


def enumerators(name):
    """{value: bare name}"""
    return {field.enumval: field.name.rsplit("::", 1)[-1] for field in type_of(name).fields()}


class Record:
    """A type's fields, read from its bytes as numbers."""

    def __init__(self, name):
        self.size = type_of(name).sizeof
        self.places = {}
        self.add(type_of(name), 0)

    def add(self, kind, base):
        for field in kind.fields():
            if hasattr(field, "bitpos"):  # else it is static
                offset = base + field.bitpos // 8
                self.places[field.name] = (offset, offset + field.type.sizeof)
                if field.is_base_class:
                    self.add(field.type, offset)

    def bytes_of(self, data, field):
        begin, end = self.places[field]
        return data[begin:end]

    def number(self, data, field):
        return int.from_bytes(self.bytes_of(data, field), "little")

    def offset(self, field):
        return self.places[field][0]


class Goroutine:
    """A G in memory."""

    def __init__(self, process, data):
        g, stack = process.g, process.stack
        self.id = g.number(data, "id")
        self.state = process.states.get(g.number(data, "state"), "?")
        # An observer inside the process was at it (still.h), which says nothing.
        self.state = self.state.replace("_watched", "")
        self.reason = process.reasons.get(g.number(data, "wait_reason"), "?").replace("_", " ")
        self.since = g.number(data, "waiting_since")
        self.created_by = g.number(data, "created_by")
        self.created_by_id = g.number(data, "created_by_id")
        self.sp = g.number(data, "sp")
        self.top = stack.number(g.bytes_of(data, "stack"), "top")
        self.foreign = g.number(data, "foreign") != 0
        # Left behind by a Runtime that has ended: it never runs again, but for what it is in.
        self.abandoned = not process.started or g.number(data, "runtime") != process.number
        name = g.bytes_of(data, "name").split(b"\0")[0] if g.number(data, "named") else b""
        self.label = name.decode("utf-8", "replace")
        # Of one that is on a thread:
        self.thread = None
        self.in_kernel = False
        self.has_p = False


class Process:
    """The Runtime and its goroutines, as they are now: made anew for each command."""

    def __init__(self):
        self.g, self.m, self.stack = Record("G"), Record("M"), Record("Stack")
        self.saved = Record("SavedContext")
        self.states, self.reasons = enumerators("GState"), enumerators("WaitReason")
        pool = self.pool()
        if pool is None:
            raise gdb.GdbError("sluice: no Runtime exists in this process, or none did so far")
        sched = variable("sched")
        self.started, self.number = scalar(sched["started"]) != 0, scalar(sched["number"])
        self.coarse_now, self.all_ms = scalar(sched["coarse_now"]), scalar(sched["all_ms"])
        stack_pool = variable("stack_pool")
        self.stack_bytes = scalar(stack_pool["stack_bytes_"]) if int(stack_pool) else 0
        # switch.h: goroutine_entry()
        self.entry = int(gdb.parse_and_eval("(unsigned long)&sluice_goroutine_start")) + 4
        self.records = dict(self.read_records(pool))
        if not self.started and not self.records:
            raise gdb.GdbError("sluice: no Runtime exists any more in this process")
        self.place_on_threads()

    @staticmethod
    def pool():
        """The GPool; None before the first goroutine. It is a function's static variable, which the
        debug information has within that function only; but the symbol table has its address."""
        kind = type_of("(anonymous namespace)::GPool").pointer().pointer()
        try:
            name = "'%s(anonymous namespace)::pool()::instance'" % NS
            instance = gdb.parse_and_eval("&" + name).cast(kind).dereference()
        except gdb.error as error:
            raise gdb.GdbError("sluice: the goroutines' records are not found: %s" % error) from None
        return instance.dereference() if int(instance) else None

    def read_records(self, pool):
        """Yields (address, Goroutine) of all that began and did not end."""
        begin, end = vector(pool["slabs"])
        slabs = struct.unpack("<%dQ" % ((end - begin) // 8), read(begin, end - begin))
        full = int(variable("(anonymous namespace)::g_slab_count"))
        for slab in slabs:
            left = self.g.size * (int(pool["slab_used"]) if slab == slabs[-1] else full)
            while left > 0:
                part = read(slab, min(left, READ_BYTES_MAX))
                for offset in range(0, len(part), self.g.size):
                    g = Goroutine(self, part[offset:offset + self.g.size])
                    if not g.foreign and g.state not in ("free", "allocated", "?"):
                        yield slab + offset, g
                slab, left = slab + len(part), left - len(part)

    def goroutines(self):
        return sorted(self.records.values(), key=lambda g: g.id)

    def by_id(self, text):
        for g in self.records.values():
            if str(g.id) == text:
                return g
        raise gdb.GdbError("sluice: there is no goroutine %s (`sluice goroutines` lists all)" % text)

    def place_on_threads(self):
        by_tid = {thread.ptid[1]: thread for thread in gdb.selected_inferior().threads()}
        address = self.all_ms
        while address:
            m = read(address, self.m.size)
            if self.m.number(m, "alive"):
                self.place(m, by_tid.get(self.m.number(m, "tid")))
            address = self.m.number(m, "all_next")

    def place(self, m, thread):
        """Finds whose stack the thread of an M is on. `M.g` does not tell: within the switch the
        registers may still be those of the one that leaves, or of the thread's own context, and
        then `M.g` is to be found where it was parked."""
        coming = self.records.get(self.m.number(m, "g"))
        leaving = self.records.get(self.m.number(m, "switched_from"))
        if coming is None and leaving is None:
            return
        if thread is None:  # the numbers differ: another PID namespace, a remote target
            thread = self.find_thread(coming or leaving)
        if thread is None or thread.is_running():
            return
        thread.switch()
        g = self.on_stack(gdb.newest_frame(), coming, leaving)
        if g is not None:
            g.thread, g.has_p = thread, self.m.number(m, "p") != 0
            g.in_kernel = is_in_kernel(gdb.newest_frame())

    def on_stack(self, frame, coming, leaving):
        # An abandoned thread does not switch; one without a stack is about to be given this one.
        if coming is not None and (coming.abandoned or coming.top == 0):
            return coming
        for _ in range(HANDLER_FRAMES_MAX):
            sp = int(frame.read_register("sp"))
            for g in (coming, leaving):
                if g is not None and self.holds(g, sp):
                    return g
            frame = frame.older()
            if frame is None:
                break
        return None

    def find_thread(self, g):
        for thread in gdb.selected_inferior().threads():
            if not thread.is_running():
                thread.switch()
                if self.holds(g, int(gdb.newest_frame().read_register("sp"))):
                    return thread
        return None

    def holds(self, g, sp):
        """Whether sp lies in g's stack, its guard included."""
        return g.top != 0 and 0 < g.top - sp <= self.stack_bytes

    def saved_word(self, g, field):
        return int.from_bytes(read(g.sp + self.saved.offset(field), 8), "little")

    def without_stack(self, g):
        """Why there is no stack to be shown; None if there is."""
        if g.thread is not None:
            return None
        try:
            resumes_at = self.saved_word(g, "return_address") if g.top != 0 else self.entry
        except gdb.MemoryError:
            resumes_at = 0
        return {self.entry: "not begun", 0: "stack missing"}.get(resumes_at)

    def now(self):
        """ns of the clock of G::waiting_since when gdb stopped the process, and whether it may have
        been later than that: the scheduler does not look at the clock while all is idle."""
        if scalar(variable("(anonymous namespace)::deep_sleep")) == 0:
            return self.coarse_now, False
        connection = gdb.selected_inferior().connection
        if connection is not None and connection.type == "native":
            return time.clock_gettime_ns(time.CLOCK_MONOTONIC), False
        return self.coarse_now, True


def is_in_kernel(frame):
    """Whether the last instruction was the one that calls the kernel."""
    call = b"\x0f\x05" if "x86-64" in frame.architecture().name() else b"\x01\x00\x00\xd4"
    try:
        return read(frame.pc() - len(call), len(call)) == call
    except gdb.MemoryError:
        return False
