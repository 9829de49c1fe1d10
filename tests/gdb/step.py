# SPDX-License-Identifier: Apache-2.0
"""Run within gdb by gdb_test.py: goes through `steps` instructions of the runtime one by one, and at
each asks for every goroutine's stack. `expected`: functions that are in one of them, always."""

import re

import gdb


def problems(text):
    """What is wrong with the output of `sluice bt all`."""
    for goroutine in text.split("\n\n"):
        stack = re.findall(r"^#.*", goroutine, re.MULTILINE)
        if stack and "sluice_goroutine_start" not in stack[-1] or "Backtrace stopped" in goroutine:
            yield "it does not end at the root: " + goroutine
        if not stack and "not begun" not in goroutine:
            yield "no stack: " + goroutine
    for function in expected:
        if len(re.findall(r"^#.*\b%s ?\(" % function, text, re.MULTILINE)) != 1:
            yield "%s is not there once: %s" % (function, text)


def step_through():
    seen = set()
    for _ in range(steps):
        gdb.execute("stepi", to_string=True)
        frame = gdb.newest_frame()
        if frame.name() == "sluice_switch":
            seen.add(frame.pc())
        for problem in problems(gdb.execute("sluice bt all", to_string=True).strip()):
            print("PROBLEM at %s: %s" % (gdb.execute("x/i $pc", to_string=True).strip(), problem))
    print("instructions of the switch: %d" % len(seen))


gdb.execute("set scheduler-locking on")
step_through()
