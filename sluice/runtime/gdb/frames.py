# SPDX-License-Identifier: Apache-2.0
"""A goroutine's frames as gdb's own: what reads them then is gdb, whichever command it is."""

import itertools
import struct

import gdb
import gdb.FrameDecorator
import gdb.unwinder

FRAMES_MAX = 200


class Restored:
    """gdb's selected thread and frame, as they were before."""

    def __enter__(self):
        if gdb.selected_thread() is None:
            raise gdb.GdbError("sluice: there is neither a process nor a core file")
        if gdb.selected_thread().is_running():
            raise gdb.GdbError("sluice: the process runs; stop it first (interrupt)")
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


class NamedFrame(gdb.FrameDecorator.FrameDecorator):
    """A frame as `bt` names it where there is no filter."""

    def function(self):
        return self.inferior_frame().name() or super().function()


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
                yield NamedFrame(frame) if level >= self.first else SwitchFrame(frame)


class Context:
    """Within it gdb's thread and frames are those of a goroutine that has begun."""

    unwinder = ParkedUnwinder()

    def __init__(self, process, g):
        self.process, self.g = process, g
        self.first = 0  # its innermost frame

    def __enter__(self):
        if self.g.thread is not None:
            self.g.thread.switch()
            return self
        # Of the thread are its newest frame, and calls that are inlined into that.
        inlined = itertools.takewhile(lambda f: f.type() == gdb.INLINE_FRAME, frames())
        self.first = 1 + len(list(inlined))
        self.unwinder.enter(self.process, self.g)
        gdb.frame_filters[SwitchFilter.name] = SwitchFilter(self.first)
        return self

    def __exit__(self, *_):
        if self.g.thread is None:
            gdb.frame_filters.pop(SwitchFilter.name, None)
            self.unwinder.leave()


def frames():
    frame = gdb.newest_frame()
    for _ in range(FRAMES_MAX):
        if frame is None:
            break
        yield frame
        frame = frame.older()


gdb.unwinder.register_unwinder(None, Context.unwinder, replace=True)
