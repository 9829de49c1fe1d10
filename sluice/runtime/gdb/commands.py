# SPDX-License-Identifier: Apache-2.0
"""gdb's commands for goroutines; docs/gdb.md shows them at work."""

import itertools
import re
import struct

import gdb
import gdb.FrameDecorator
import gdb.unwinder

FRAMES_MAX = 200
# A goroutine is shown at its innermost function that is not one of these, nor in one of these files;
LIBRARY = re.compile(r"(sluice|std|__gnu_cxx)::|sluice_|_Unwind_|__cxa_")
SYSTEM = re.compile(r"/(libc|libm|libstdc\+\+|libgcc_s|libpthread|ld-linux[^/]*)\.so|\[vdso\]")
# or, if all are, at the innermost whose file is not one of these: they only wait.
WAITING = re.compile(r"(^|/)sluice/(base|runtime|chan|context|sync|net)/|^\?$")


def is_library(name):
    return name is None or LIBRARY.match(name) is not None


# The frames of a goroutine -----------------------------------------------------------------------


class Restored:
    """gdb's selected thread and frame, as they were before."""

    def __enter__(self):
        if gdb.selected_thread() is None:
            raise gdb.GdbError("sluice: there is neither a process nor a core file")
        self.thread, self.level = gdb.selected_thread(), gdb.selected_frame().level()

    def __exit__(self, *_):
        self.thread.switch()
        select(self.level)


def select(level):
    frame = gdb.newest_frame()
    for _ in range(level):
        frame = frame.older()
    frame.select()


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class ParkedUnwinder(gdb.unwinder.Unwinder):
    """Makes a parked goroutine's frames those of the selected thread.

    A core file has no registers that could be set, and a live process' had better stay as they are.
    So the thread's newest frame is said to have been called from where the goroutine parked. It
    stands for the switch, and those from there up are the goroutine's."""

    def __init__(self):
        super().__init__("sluice-goroutine")
        self.enabled = False

    def __call__(self, pending):
        if any(int(pending.read_register(name)) != value for name, value in self.thread.items()):
            return None  # an older frame, or another thread
        word = gdb.lookup_type("unsigned long")
        registers = {name: gdb.Value(value).cast(word) for name, value in self.saved.items()}
        info = pending.create_unwind_info(FrameId(gdb.Value(self.sp).cast(word),
                                                  gdb.Value(self.switch).cast(word)))
        for name, value in registers.items():
            info.add_saved_register(name, value)
        return info

    def enter(self, process, g):
        frame = gdb.newest_frame()
        data = read(g.sp, process.saved.size)
        self.saved = registers_of(process.saved, data, g.sp)
        stack_pointer, counter = ("rsp", "rip") if "rip" in self.saved else ("sp", "pc")
        self.thread = {name: int(frame.read_register(name)) for name in (stack_pointer, counter)}
        self.sp = g.sp
        self.switch = int(gdb.parse_and_eval("(unsigned long)&sluice_switch"))
        self.enabled = True
        gdb.invalidate_cached_frames()

    def leave(self):
        self.enabled = False
        gdb.invalidate_cached_frames()


def registers_of(saved, data, sp):
    """What sluice_switch will have restored when it returns. aarch64: without the halves of v8-v15."""
    word = {name: saved.number(data, name) for name in saved.places}
    if "r15" in word:
        named = {name: word[name] for name in ("rbx", "r12", "r13", "r14", "r15")}
        named.update(rbp=word["frame_pointer"], rip=word["return_address"], rsp=sp + saved.size)
        return named
    values = struct.unpack("<10Q", saved.bytes_of(data, "x19_x28"))
    named = {"x%d" % (19 + i): value for i, value in enumerate(values)}
    named.update(x29=word["frame_pointer"], x30=word["return_address"], pc=word["return_address"],
                 sp=sp + saved.size)
    return named


class SwitchFrame(gdb.FrameDecorator.FrameDecorator):
    """What stands for the switch. Its own pc is the thread's."""

    def function(self):
        return "sluice_switch"

    def address(self):
        return None

    def filename(self):
        return None

    line = frame_args = frame_locals = filename


class SwitchFilter:
    name, priority, enabled = "sluice-goroutine", 100, True

    def __init__(self, first):
        self.first = first

    def filter(self, frames):
        for frame in frames:
            level = frame.inferior_frame().level()
            if level >= self.first - 1:
                yield frame if level >= self.first else SwitchFrame(frame)


class Context:
    """Within it gdb's thread and frames are those of a goroutine that has begun."""

    unwinder = ParkedUnwinder()

    def __init__(self, process, g):
        self.process, self.g = process, g
        self.first = 0  # its innermost frame

    def __enter__(self):
        if self.g.thread is not None:
            self.g.thread.switch()
        else:
            self.unwinder.enter(self.process, self.g)
            # Of the thread are its newest frame, and calls that are inlined into that.
            inlined = itertools.takewhile(lambda f: f.type() == gdb.INLINE_FRAME, frames())
            self.first = 1 + len(list(inlined))
            gdb.frame_filters[SwitchFilter.name] = SwitchFilter(self.first)
        return self

    def __exit__(self, *_):
        if self.g.thread is None:
            del gdb.frame_filters[SwitchFilter.name]
            self.unwinder.leave()


def frames():
    frame = gdb.newest_frame()
    for _ in range(FRAMES_MAX):
        if frame is None:
            break
        yield frame
        frame = frame.older()


def file_of(sal):
    return sal.symtab.filename if sal.symtab else "?"


def place(name, sal):
    return "%s %s:%d" % (short(name), file_of(sal).rsplit("/", 1)[-1], sal.line)


def short(name):
    """Without parameters and template arguments: "ns::f<int>(char) const" is "ns::f"."""
    name = re.sub(r"^\(anonymous namespace\)::", "", name.replace("operator()", "operator{}"))
    for nested in (r"<[^<>]*>", r"\([^()]*\)"):
        while re.search(nested, name):
            name = re.sub(nested, "", name)
    return re.sub(r" const$", "", name).replace("operator{}", "operator()")


def waiting_frame(context):
    """The frame that says what the goroutine waits for or does."""
    mine = [frame for frame in frames() if frame.level() >= context.first]
    named = [frame for frame in mine if frame.name() is not None
             and not SYSTEM.search(gdb.solib_name(frame.pc()) or "")]
    for frame in named:
        if not is_library(frame.name()) and frame.find_sal().symtab:
            return frame
    for frame in named:
        if not WAITING.search(file_of(frame.find_sal())):
            return frame
    return named[0] if named else mine[0]


class Places:
    """Where goroutines are, in words. Many are at the same few places, so each is looked up once."""

    def __init__(self, process):
        self.process = process
        self.functions = {}
        self.waits = {}
        self.creators = {}

    def function_at(self, pc):
        """The function that has this instruction, not one inlined into it."""
        if pc not in self.functions:
            block, name = gdb.block_for_pc(pc), None
            while block is not None and not block.is_static and not block.is_global:
                name = block.function.print_name if block.function is not None else name
                block = block.superblock
            self.functions[pc] = name
        return self.functions[pc]

    def chain(self, g):
        """Its return addresses by frame pointers, up to the first function that may have none: what
        decides where it is shown. None: the chain is broken."""
        frame = self.process.saved_word(g, "frame_pointer")
        chain = [self.process.saved_word(g, "return_address")]
        while is_library(self.function_at(chain[-1] - 1)) and frame != 0:
            if not self.process.holds(g, frame) or len(chain) == FRAMES_MAX:
                return None
            frame, pc = struct.unpack("<QQ", read(frame, 16))
            chain.append(pc)
        return tuple(chain)

    def of(self, g):
        if not self.process.begun(g):
            return "not begun"
        chain = self.chain(g) if g.thread is None else None
        if chain is None or chain not in self.waits:
            with Context(self.process, g) as context:
                frame = waiting_frame(context)
                self.waits[chain] = place(frame.name(), frame.find_sal())
        return self.waits[chain]

    def creator(self, g):
        if g.created_by == 0:
            return ""
        if g.created_by not in self.creators:
            pc = g.created_by - 1
            block = gdb.block_for_pc(pc)
            while block is not None and block.function is None:
                block = block.superblock
            name = block.function.print_name if block is not None else hex(pc)
            self.creators[g.created_by] = place(name, gdb.find_pc_line(pc))
        by = " in goroutine %d" % g.created_by_id if g.created_by_id else ""
        return self.creators[g.created_by] + by


# Words -------------------------------------------------------------------------------------------


def state_of(g):
    if g.abandoned:
        return "abandoned"
    if g.thread is not None and g.state == "running":
        return "syscall" if g.in_kernel else "running"
    return g.state


def reason_of(g):
    words = []
    if g.state == "waiting":
        words.append(g.reason)
    if g.thread is not None:
        words.append("thread %d" % g.thread.num)
        if not g.has_p and not g.abandoned:
            words.append("no P")
    return ", ".join(words)


def age(ns):
    seconds = ns / 1e9
    if seconds < 1:
        return "%dms" % (seconds * 1000)
    if seconds < 60:
        return "%.1fs" % seconds
    minutes = int(seconds) // 60
    if minutes < 60:
        return "%dm%ds" % (minutes, int(seconds) % 60)
    return "%dh%dm" % (minutes // 60, minutes % 60)


def age_of(g, now, or_longer):
    if g.state != "waiting" or g.since == 0:
        return ""
    return (">" if or_longer else "") + age(max(now - g.since, 0))


def header(process, g):
    words = [state_of(g) if state_of(g) != "waiting" else "", reason_of(g), age_of(g, *process.now())]
    label = ' "%s"' % g.label if g.label else ""
    return "goroutine %d [%s]%s:" % (g.id, ", ".join(word for word in words if word), label)


# The commands ------------------------------------------------------------------------------------


class Sluice(gdb.Command):
    """Goroutines of a program that uses sluice, in a live process or a core file."""

    def __init__(self):
        super().__init__("sluice", gdb.COMMAND_STACK, gdb.COMPLETE_NONE, True)


class Goroutines(gdb.Command):
    """Lists the goroutines: sluice goroutines [-s STATE]

STATE is a state (runnable, running, syscall, waiting, abandoned: by a Runtime that ended before) or
what one waits for (chan receive).
AT is the innermost function that is not the library's. A waiting time that begins with ">" is of
when the scheduler last looked at the clock: a core file of an idle process does not know more."""

    def __init__(self):
        super().__init__("sluice goroutines", gdb.COMMAND_STACK, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if words and words[0] != "-s" or len(words) == 1:
            raise gdb.GdbError("usage: sluice goroutines [-s STATE]")
        wanted = " ".join(words[1:])
        with Restored():
            process = Process()
            places, now = Places(process), process.now()
            shown = [g for g in process.goroutines() if is_in(g, wanted)]
            rows = [[str(g.id), state_of(g), reason_of(g), age_of(g, *now), g.label, places.of(g),
                     places.creator(g)] for g in shown]
        print_table(["ID", "STATE", "DETAIL", "FOR", "NAME", "AT", "CREATED BY"], rows)
        counts = {}
        for g in shown:
            counts[state_of(g)] = counts.get(state_of(g), 0) + 1
        each = ", ".join("%d %s" % (counts[state], state) for state in sorted(counts))
        print("%d goroutines%s" % (len(shown), ": " + each if each else ""))


def is_in(g, wanted):
    return wanted in ("", state_of(g)) or state_of(g) == "waiting" and wanted == g.reason


def print_table(head, rows):
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def each_of(process, text):
    return process.goroutines() if text == "all" else [process.by_id(text)]


def run_in(process, g, command):
    """Runs gdb's command with g's frames, the one that is shown as its place selected."""
    if not process.begun(g):
        print("It has not begun, so it has no stack.")
        return
    with Context(process, g) as context:
        waiting_frame(context).select()
        gdb.execute(command)


class Backtrace(gdb.Command):
    """Prints the stack of a goroutine: sluice bt ID|all [ARGUMENTS OF bt]"""

    def __init__(self):
        super().__init__("sluice bt", gdb.COMMAND_STACK, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        which, _, rest = argument.strip().partition(" ")
        if not which:
            raise gdb.GdbError("usage: sluice bt ID|all [ARGUMENTS OF bt]")
        with Restored():
            process = Process()
            places = Places(process)
            for g in each_of(process, which):
                print(header(process, g))
                run_in(process, g, "bt " + rest)
                if places.creator(g):
                    print("created by " + places.creator(g))
                print()


class InGoroutine(gdb.Command):
    """Runs a command of gdb in the context of a goroutine: sluice goroutine ID|all COMMAND

The selected frame is the one that `sluice goroutines` shows: `sluice goroutine 18 info locals` prints
the variables of the function that waits. `frame N` within COMMAND counts as `sluice bt` does. COMMAND
must not continue the process."""

    def __init__(self):
        super().__init__("sluice goroutine", gdb.COMMAND_STACK, gdb.COMPLETE_COMMAND)

    def invoke(self, argument, from_tty):
        which, _, command = argument.strip().partition(" ")
        if not command:
            raise gdb.GdbError("usage: sluice goroutine ID|all COMMAND")
        with Restored():
            process = Process()
            for g in each_of(process, which):
                if which != "all":
                    return run_in(process, g, command)
                print("\n" + header(process, g))
                try:
                    run_in(process, g, command)
                except gdb.error as error:  # what fails in one may do in another
                    print(error)


gdb.unwinder.register_unwinder(None, Context.unwinder, replace=True)
for command in (Sluice, Goroutines, Backtrace, InGoroutine):
    command()
