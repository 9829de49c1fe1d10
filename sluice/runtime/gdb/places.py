# SPDX-License-Identifier: Apache-2.0
"""Where goroutines are, in words: the one function of many that tells what a goroutine does."""

import re
import struct

import gdb

# A goroutine is shown at its innermost function that is not one of these, nor in one of these files;
LIBRARY = re.compile(r"(sluice|std|__gnu_cxx)::|sluice_|_Unwind_|__cxa_")
SYSTEM = re.compile(r"/(libc|libm|libstdc\+\+|libgcc_s|libpthread|ld-linux[^/]*)\.so|\[vdso\]")
# or, if all are, at the innermost whose file is not one of these: they only wait.
WAITING = re.compile(r"(^|/)sluice/(base|runtime|chan|context|sync|net)/|^\?$")
# Lambdas are named without their scope, so their file tells.
LIBRARY_FILE = re.compile(r"(^|/)sluice/\w+/(internal/)?[^/]+$")


def is_library(name):
    return name is None or LIBRARY.match(name) is not None


def is_users(frame):
    file = file_of(frame.find_sal())
    if "::" not in frame.name() and LIBRARY_FILE.search(file):
        return False
    return file != "?" and not is_library(frame.name())


def file_of(sal):
    return sal.symtab.filename if sal.symtab else "?"


def place(function, sal, pc):
    """Of a function's symbol, and an instruction in it."""
    file, line, own = file_of(sal), sal.line, function.symtab
    if sal.symtab and own and own.filename != file:
        # An inlined call of which the compiler left one instruction. The line before is in sight.
        block = gdb.block_for_pc(pc)
        while block.superblock is not None and block.function != function:
            block = block.superblock
        before = [entry for entry in own.linetable()
                  if block.start <= entry.pc <= pc and entry.line > 0]
        if before:
            file, line = own.filename, max(before, key=lambda entry: entry.pc).line
    return "%s %s:%d" % (short(function.print_name), file.rsplit("/", 1)[-1], line)


def place_of(frame):
    if frame.function() is None:
        return "%s ?" % (frame.name() or hex(frame.pc()))
    return place(frame.function(), frame.find_sal(), frame.pc())


def short(name):
    """Without parameters and template arguments: "ns::f<int>(char) const" is "ns::f"."""
    name = name.replace("(anonymous namespace)::", "").replace("operator()", "operator{}")
    for nested in (r"<[^<>]*>", r"\([^()]*\)"):
        while re.search(nested, name):
            name = re.sub(nested, "", name)
    return re.sub(r" const$", "", name).replace("operator{}", "operator()")


def waiting_frame(context):
    """The frame that says what the goroutine waits for or does."""
    mine = [frame for frame in frames() if frame.level() >= context.first]
    named = [frame for frame in mine if frame.name() is not None
             and not SYSTEM.search(gdb.solib_name(frame.pc()) or "")]
    for frame in filter(is_users, named):
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

    def may_be_ours(self, pc):
        name = self.function_at(pc)
        return is_library(name) or "::" not in name

    def chain(self, g):
        """Its return addresses by frame pointers, up to the first function that is surely not ours and
        may have none: what decides where it is shown. None: the chain is broken."""
        frame = self.process.saved_word(g, "frame_pointer")
        chain = [self.process.saved_word(g, "return_address")]
        while self.may_be_ours(chain[-1] - 1) and frame != 0:
            if not self.process.holds(g, frame) or len(chain) == FRAMES_MAX:
                return None
            frame, pc = struct.unpack("<QQ", read(frame, 16))
            chain.append(pc)
        return tuple(chain)

    def of(self, g):
        if self.process.without_stack(g):
            return self.process.without_stack(g)
        chain = self.chain(g) if g.thread is None else None
        if chain is None or chain not in self.waits:
            with Context(self.process, g) as context:
                frame = waiting_frame(context)
                self.waits[chain] = place_of(frame)
        return self.waits[chain]

    def creator(self, g):
        if g.created_by == 0:
            return ""
        if g.created_by not in self.creators:
            pc = g.created_by - 1
            block = gdb.block_for_pc(pc)
            while block is not None and block.function is None:
                block = block.superblock
            self.creators[g.created_by] = place(block.function, gdb.find_pc_line(pc), pc) if block \
                else hex(pc)
        by = " in goroutine %d" % g.created_by_id if g.created_by_id else ""
        return self.creators[g.created_by] + by
