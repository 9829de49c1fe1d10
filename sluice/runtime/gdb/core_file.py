# SPDX-License-Identifier: Apache-2.0
"""Core files that hold goroutine stacks.

gdb writes a mapping up to the first page that cannot be read. The guards of goroutine stacks are
such pages within one large mapping (MADV_GUARD_INSTALL), so `generate-core-file` leaves the stacks
out. The kernel's own core files have them.
"""

import struct

import gdb

PAGE = 4096


def load_segments(core):
    """Yields (address, bytes in the file, place in the file) of an ELF64 core file's memory."""
    header = struct.unpack("<16sHHIQQQIHHHHHH", core.read(64))
    table, entry_bytes, count = header[5], header[9], header[10]
    if count == 0xffff:  # PN_XNUM: more than fit; the first section header says how many
        core.seek(header[6] + 44)
        count = struct.unpack("<I", core.read(4))[0]
    core.seek(table)
    entries = core.read(entry_bytes * count)
    for i in range(count):
        kind, _, offset, address, _, in_file = struct.unpack_from("<IIQQQQ", entries, entry_bytes * i)
        if kind == 1:  # PT_LOAD
            yield address, in_file, offset


def stack_pages(process, g):
    """Yields the pages of a goroutine's stack that are in use, from its end down."""
    end = (g.top + PAGE - 1) & -PAGE  # tops are coloured by less than a page
    low = max(end - process.stack_bytes, 0) if g.thread is not None else g.sp & -PAGE
    for address in range(end - PAGE, low - 1, -PAGE):
        try:
            yield address, read(address, PAGE)
        except gdb.MemoryError:
            return  # the guard


class GenerateCore(gdb.Command):
    """Writes a core file with the goroutines' stacks: sluice generate-core-file [FILE]

gdb's own generate-core-file may leave them out, and the program gcore with it: it says "Memory read
failed for corefile section". The kernel's core files have them."""

    def __init__(self):
        super().__init__("sluice generate-core-file", gdb.COMMAND_FILES, gdb.COMPLETE_FILENAME)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        name = words[0] if words else "core.%d" % gdb.selected_inferior().pid
        with Restored():
            process = Process()
            written = gdb.execute("generate-core-file " + name, to_string=True)
            with open(name, "r+b") as core:
                segments = list(load_segments(core))
                for g in process.goroutines():
                    for address, page in stack_pages(process, g) if g.top else ():
                        self.put(core, segments, address, page)
        print(written.splitlines()[-1])

    @staticmethod
    def put(core, segments, address, page):
        for begin, size, offset in segments:
            if begin <= address and address + len(page) <= begin + size:
                core.seek(offset + address - begin)
                core.write(page)
                return
        raise gdb.GdbError("sluice: the core file has no room for the stack at %#x" % address)


GenerateCore()
