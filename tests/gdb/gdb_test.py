#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs gdb on target.cc's program, live and on core files, and checks what its commands say of
goroutines whose places are known: functions and lines exactly.

Arguments: gdb, the program, the file with the commands as text (for a stripped program).
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

GDB, TARGET, SCRIPT = sys.argv[1:4]
HERE = pathlib.Path(__file__).resolve().parent
LINES = {match.group(1): number
         for number, line in enumerate((HERE / "target.cc").read_text().splitlines(), 1)
         if (match := re.search(r"// at: (.+)$", line))}

# name: (state, detail, function, line); a thread's number may be any.
IN_PLACE = {
    "main": ("running", "thread N", None, None),
    "taker": ("waiting", "chan receive", "shop::take_order", "taker"),
    "inlined": ("waiting", "chan receive", "shop::take_inlined", "inlined"),
    "selecter": ("waiting", "select", "shop::select_one", "selecter"),
    "holder": ("waiting", "sleep", "shop::hold", "holder"),
    "wanter": ("waiting", "mutex", "shop::want", "wanter"),
    "counter": ("running", "thread N, no P", "shop::count_for_ever", "counter"),
    "reader": ("syscall", "thread N, no P", "shop::read_for_ever", "reader"),
    "blocking": ("syscall", "thread N, no P", "shop::read_for_ever", "reader"),
    "interrupted": ("syscall", "thread N, no P", "shop::read_for_ever", "reader"),
    "left behind": ("abandoned", "chan receive", "shop::be_left_behind", "left behind"),
    "left blocked": ("abandoned", "thread N", "shop::read_for_ever", "reader"),
}


def gdb(*commands, arguments=(), safe_path="/"):
    """Returns the output of each command."""
    words = [GDB, "-nx", "--batch", "-iex", f"set auto-load safe-path {safe_path}",
             "-ex", "set disable-randomization off", "-ex", "set startup-with-shell off",
             "-ex", "set print thread-events off", "-ex", "set width 0", "-ex", "echo \\n"]
    for command in commands:
        words += ["-ex", "echo @@@\\n", "-ex", command]
    environment = {**os.environ, "DEBUGINFOD_URLS": "", "LC_ALL": "C"}
    ran = subprocess.run([*words, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, env=environment, check=False)
    output = ran.stdout.decode(errors="replace")
    pieces = output.split("@@@\n")[1:]
    for denied in ("ptrace: Operation not permitted", "Could not trace the inferior process"):
        if denied in output:
            sys.exit(f"gdb may not trace processes here, and this test needs that:\n{output}")
    if len(pieces) != len(commands):
        raise AssertionError(f"gdb did not come to its end:\n{output}")
    return pieces


def run_until(function, scene=""):
    return ["handle SIGUSR1 SIGURG nostop noprint pass", f"break {function}", f"run {scene}"]


def rows_of(table):
    """{column: cell} for each goroutine."""
    lines = [line for line in table.splitlines() if line]
    head = next(i for i, line in enumerate(lines) if line.startswith("ID "))
    columns = [(match.group(), match.start()) for match in re.finditer(r"\w+( BY)?", lines[head])]
    ends = [start for _, start in columns[1:]] + [None]
    return [{name: line[start:end].strip() for (name, start), end in zip(columns, ends)}
            for line in lines[head + 1:-1]]


def frames_of(backtrace):
    """(function, line of target.cc or None), innermost first."""
    found = re.findall(r"^#\d+ +(?:0x\w+ in )?(.+?) \(.*?\)?(?: at .*?([^/\n:]+):(\d+))?$",
                       backtrace, re.MULTILINE)
    return [(re.sub(r"\(.*", "", function), int(line) if file == "target.cc" else None)
            for function, file, line in found]


class Commands:
    """What is the same for a live process and a core file."""

    def check_table(self, table, main):
        rows = rows_of(table)
        by_name = {row["NAME"]: row for row in rows if row["NAME"]}
        self.assertEqual(set(by_name), set(IN_PLACE), table)
        self.assertRegex(by_name["main"]["AT"], main)
        for name, (state, detail, function, line) in IN_PLACE.items():
            row = by_name[name]
            if name == "main":
                continue
            self.assertEqual(row["STATE"], state, table)
            self.assertEqual(re.sub(r"\d+", "N", row["DETAIL"]), detail, table)
            self.assertEqual(row["AT"], f"{function} target.cc:{LINES[line]}", table)
            self.assertRegex(row["CREATED BY"],
                             rf"^shop::start target\.cc:{LINES['start']}( in goroutine \d+)?$")
        not_begun = [row for row in rows if not row["NAME"]]
        self.assertEqual([(row["STATE"], row["AT"]) for row in not_begun],
                         [("runnable", "not begun")] * 2, table)
        waiting = [row for row in rows if row["STATE"] == "waiting"]
        self.assertTrue(all(re.match(r">?\d", row["FOR"]) for row in waiting), table)
        self.assertIn("14 goroutines: 2 abandoned, 2 runnable, ", table)

    def check_stacks(self, stacks):
        blocks = stacks.strip().split("\n\n")
        self.assertEqual(len(blocks), 14, stacks)
        by_name = {match.group(1): block for block in blocks
                   if (match := re.match(r'goroutine .*"(.*)":', block))}
        for name, (_, _, function, line) in IN_PLACE.items():
            frames = frames_of(by_name[name])
            if name != "main":
                self.assertIn((function, LINES[line]), frames, by_name[name])
            self.assertEqual(frames[-1], ("sluice_goroutine_start", None), by_name[name])
        self.assertNotIn("Backtrace stopped", stacks)
        frames = frames_of(by_name["inlined"])
        at = frames.index(("shop::take_inlined", LINES["inlined"]))
        self.assertEqual(frames[at + 1],
                         ("shop::take_by_inlined_call", LINES["caller of inlined"]), stacks)
        frames = frames_of(by_name["interrupted"])
        self.assertIn("<signal handler called>", by_name["interrupted"])
        self.assertIn(("shop::interrupt_myself", LINES["interrupted"]), frames, stacks)
        self.assertIn("It has not begun", stacks)

    def check(self, before, arguments, main):
        output = gdb(*before, "up", "frame", "sluice goroutines", "sluice bt all", "frame",
                     "info threads", "sluice goroutines -s waiting",
                     "sluice goroutines -s chan receive", "sluice goroutine all print wanted",
                     "sluice bt 4711", "sluice goroutine 4711 bt", "sluice goroutines waiting",
                     "thread apply all bt 50", arguments=arguments)[len(before) + 1:]
        (frame, table, stacks, frame_after, threads, waiting, receiving, printed, unknown,
         unknown_too, usage, threads_stacks) = output
        self.check_table(table, main)
        self.check_stacks(stacks)
        self.assertEqual(frame, frame_after)
        self.assertEqual(len(re.findall(r"^\*", threads, re.MULTILINE)), 1)
        self.assertEqual({row["STATE"] for row in rows_of(waiting)}, {"waiting"})
        self.assertIn("5 goroutines: 5 waiting", waiting)
        self.assertEqual([row["NAME"] for row in rows_of(receiving)], ["taker", "inlined"])
        self.assertIn("sluice: there is no goroutine 4711", unknown)
        self.assertEqual(unknown, unknown_too)
        self.assertIn("usage: sluice goroutines [-s STATE]", usage)
        self.assertNotIn("Backtrace stopped", threads_stacks)
        self.assertNotIn("Python Exception", "".join(output))
        self.assertRegex(printed, r'"taker":\n\$\d+ = 42\n')


class Live(unittest.TestCase, Commands):
    def test_under_gdb(self):
        self.check(run_until("in_place"), [TARGET], main=r"^in_place ")

    def test_attached(self):
        target = subprocess.Popen([TARGET], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(target.stdout.readline(), b"in place\n")
        try:
            self.check([], ["-p", str(target.pid)], main="^shop::wait_for_the_debugger ")
        finally:
            target.stdin.close()
            target.stdout.close()
        self.assertEqual(target.wait(), 0, "it went on as if nothing had been")


class CoreFile(unittest.TestCase, Commands):
    def test_core_file(self):
        with tempfile.TemporaryDirectory() as folder:
            core = f"{folder}/core"
            written = gdb(*run_until("in_place"), f"sluice generate-core-file {core}",
                          arguments=[TARGET])[-1]
            self.assertIn(f"Saved corefile {core}", written)
            self.check([], [TARGET, core], main=r"^in_place ")

    def test_that_gdb_wrote_without_the_stacks(self):
        with tempfile.TemporaryDirectory() as folder:
            gdb(*run_until("in_place"), f"generate-core-file {folder}/core", arguments=[TARGET])
            table, stacks = gdb("sluice goroutines", "sluice bt all",
                                arguments=[TARGET, f"{folder}/core"])
        missing = [row for row in rows_of(table) if row["AT"] == "stack missing"]
        self.assertIn(len(missing), (0, 7), "all that wait, or, with other guards, none: " + table)
        self.assertEqual(stacks.count("Its stack is not in the core file"), len(missing))
        self.assertNotIn("Python Exception", table + stacks)


class Switch(unittest.TestCase):
    """At every instruction of the switch, and around it, each goroutine's stack is whole."""

    def step(self, at, steps, expected=()):
        """Returns how many instructions of the switch itself it came by."""
        output = gdb(*at, f"python steps, expected = {steps}, {expected}",
                     f"source {HERE / 'step.py'}", arguments=[TARGET])[-1]
        self.assertNotIn("PROBLEM", output)
        self.assertNotIn("Error", output)
        return int(re.search(r"instructions of the switch: (\d+)", output).group(1))

    def test_from_one_to_another(self):
        passing = [*run_until("passing", "rally"), "continue"]
        both = ("shop::ping", "shop::pong")
        self.step([*passing, "tbreak sluice::runtime::switch_away", "continue"], 60, both)
        # At gdb's pace every wait is measured, which takes some hundred instructions in between.
        at = [*passing, "tbreak sluice_switch", "continue"]
        self.assertGreater(self.step(at, 80, both), 14)

    def test_from_the_thread_to_one_that_begins(self):
        self.assertGreater(self.step(run_until("sluice_switch", "rally"), 60), 14)

    def test_from_one_that_ends_to_one_that_begins(self):
        at = [*run_until("passing", "relay"), "continue",
              "tbreak sluice::runtime::internal::spawn_commit", "continue"]
        self.step(at, 170)


class Refusals(unittest.TestCase):
    """What the commands say where they cannot serve."""

    def ask(self, *before, arguments):
        return gdb(*before, "sluice goroutines", arguments=arguments)[-1].strip()

    def test_without_a_process(self):
        self.assertEqual(self.ask(arguments=[TARGET]),
                         "sluice: there is neither a process nor a core file")

    def test_before_there_is_a_runtime(self):
        self.assertEqual(self.ask(*run_until("in_place", "no-runtime"), arguments=[TARGET]),
                         "sluice: no Runtime exists in this process, or none did so far")

    def test_of_a_stripped_program(self):
        with tempfile.TemporaryDirectory() as folder:
            for option in "--strip-all", "--strip-debug":
                stripped = f"{folder}/stripped"
                subprocess.run(["strip", option, "-o", stripped, TARGET], check=True)
                start = ["catch syscall rt_sigaction", "run", f"source {SCRIPT}"]
                self.assertRegex(self.ask(*start, arguments=[stripped]),
                                 r"^sluice: the program has no debug information of the runtime")
                self.assertRegex(self.ask(arguments=[stripped]), '^Undefined command: "sluice"')

    def test_with_its_debug_information_apart(self):
        with tempfile.TemporaryDirectory() as folder:
            debug, stripped = f"{folder}/target.debug", f"{folder}/target"
            subprocess.run(["objcopy", "--only-keep-debug", TARGET, debug], check=True)
            subprocess.run(["strip", "-o", stripped, TARGET], check=True)
            subprocess.run(["objcopy", f"--add-gnu-debuglink={debug}", stripped], check=True)
            self.assertIn("14 goroutines", self.ask(*run_until("in_place"), arguments=[stripped]))

    def test_where_gdb_does_not_trust_the_program(self):
        output = gdb(f"source {SCRIPT}", *run_until("in_place"), "sluice goroutines",
                     arguments=[TARGET], safe_path="/nowhere")[-1]
        self.assertIn("14 goroutines", output)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]], verbosity=2)
