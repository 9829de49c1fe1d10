# SPDX-License-Identifier: Apache-2.0
"""The programs that are compared: how each is built, and the ways in which it can run an op."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
SECONDS_MAX = 120  # of one process; a hanging rival must not hang the comparison


@dataclass(frozen=True)
class Candidate:
    """One way of one program to do a workload."""

    language: str
    command: tuple  # without the workload's name
    name: str  # workload or workload@variant
    label: str  # what tells it from the language's other candidates


@dataclass
class Program:
    language: str
    binary: Path
    flags: dict  # processors -> list of (label, flags); 0: any other number
    counter: Path | None = None  # the same program with counted allocations

    def listing(self):
        done = subprocess.run([self.binary, "-list"], capture_output=True, text=True, check=True)
        return done.stdout.split()

    def candidates(self, procs, workload):
        found = []
        for name in self.listing():
            if name.split("@")[0] != workload:
                continue
            for label, flags in self.flags.get(procs, self.flags[0]):
                command = (str(self.binary), "-p", str(procs), *flags)
                variant = name.partition("@")[2]
                text = " ".join(part for part in (label, variant) if part)
                found.append(Candidate(self.language, command, name, text))
        return found


@dataclass(frozen=True)
class Row:
    """One line that a program printed, in ns per op; None where it had no figure."""

    name: str
    median: float
    least: float
    cpu_median: float | None
    cpu_least: float | None
    allocs: float | None
    bytes: float | None


class Failed(Exception):
    pass


def run(command, workload, reps=3, scale=1.0):
    """Runs one workload in a process of its own and returns its rows."""
    line = [*command, "-r", str(reps), "-s", str(scale), workload]
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        raise Failed(f"{' '.join(line)}: not done after {SECONDS_MAX} s") from None
    if done.returncode != 0:
        raise Failed(f"{' '.join(line)}: status {done.returncode}: {done.stderr.strip()[-400:]}")
    rows = []
    for text in done.stdout.splitlines():
        name, *figures = text.split("\t")
        values = [None if f == "-" else float(f) for f in figures[:6]]
        rows.append(Row(name, *values))
    return rows


def build(out):
    """Builds what can be built of the rivals under `out`; returns the folders of their binaries."""
    go, rust = out / "go", out / "tokio"
    go.mkdir(parents=True, exist_ok=True)
    if shutil.which("go"):
        subprocess.run(["go", "build", "-o", f"{go}/", "./..."], cwd=BENCH / "peers/go", check=True)
    else:
        print("no Go column: install Go 1.26 or newer", file=sys.stderr)
    if shutil.which("cargo"):
        environment = dict(os.environ, CARGO_TARGET_DIR=str(rust))
        subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"],
                       cwd=BENCH / "peers/tokio", env=environment, check=True)
    else:
        print("no tokio columns: install Rust 1.85 or newer", file=sys.stderr)
    return go, rust / "release"


def programs(build_folder, go, rust):
    """In the order of the columns; ours is left out while it is not built."""
    both = {1: [("", ()), ("mt", ("-mt",))], 0: [("", ())]}
    plain = {0: [("", ())]}
    ours = build_folder / "bench"
    found = [
        Program("sluice", ours / "bench_micro", plain, ours / "bench_micro_count"),
        Program("go", go / "micro", plain),
        Program("tokio", rust / "micro", both, rust / "micro_count"),
        Program("tokio+mimalloc", rust / "micro_mimalloc", both, rust / "micro_count"),
    ]
    return [p for p in found if p.binary.exists()]


def run_million(build_folder):
    """A million parked goroutines, with each kind of stack guard."""
    binary = build_folder / "bench/bench_million"
    if not binary.exists():
        return
    print()
    for guard in ("automatic", "none", "mprotect"):
        subprocess.run([binary, "1000000", guard], timeout=SECONDS_MAX, check=False)


def run_hog(build_folder):
    """A ticker and HTTP requests beside goroutines that loop or block, on one processor."""
    binary = build_folder / "bench/bench_hog"
    if binary.exists():
        print()
        subprocess.run([binary], timeout=SECONDS_MAX, check=False)
