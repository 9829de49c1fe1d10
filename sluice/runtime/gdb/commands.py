# SPDX-License-Identifier: Apache-2.0
"""gdb's commands for goroutines; docs/gdb.md shows them at work."""

import gdb


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
    if process.without_stack(g):
        print({"not begun": "It has not begun, so it has no stack.",
               "stack missing": "Its stack is not in the core file: help sluice generate-core-file"}
              [process.without_stack(g)])
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


for command in (Sluice, Goroutines, Backtrace, InGoroutine):
    command()
