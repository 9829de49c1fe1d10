# SPDX-License-Identifier: Apache-2.0
"""From the rows of many processes to one table."""

from collections import defaultdict
from dataclasses import dataclass, replace
from statistics import median

from .workloads import NOT_COUNTED, NONE, WORKLOADS


@dataclass
class Figure:
    """What all processes of one candidate say about one workload."""

    label: str
    median: float
    least: float
    cpu: float | None
    cpu_least: float | None
    allocs: float | None
    bytes: float | None


class Figures:
    """Rows by (processors, workload, language, candidate)."""

    def __init__(self, by_cpu=False):
        self.unit = "CPU ns" if by_cpu else "ns"
        self.by_cpu = by_cpu
        self.rows = defaultdict(list)
        self.allocs = {}

    def add(self, procs, language, label, rows):
        for row in rows:
            self.rows[procs, row.name.split("@")[0], language, label].append(row)

    def set_allocs(self, procs, language, label, rows):
        for row in rows:
            self.allocs[procs, row.name.split("@")[0], language, label] = row.allocs

    def of(self, procs, workload, language):
        """This language's candidates for the workload, counted ones first, then by median."""
        found = []
        for key, rows in self.rows.items():
            if key[:3] == (procs, workload, language):
                found.append(self._figure(key, rows))
        return sorted(found, key=lambda f: (f.label.split(" ")[-1] in NOT_COUNTED, f.median))

    def best(self, procs, workload, language):
        return next(iter(self.of(procs, workload, language)), None)

    def workloads(self, procs):
        names = dict.fromkeys(key[1] for key in self.rows if key[0] == procs)
        order = {name: i for i, name in enumerate(WORKLOADS)}
        return sorted(names, key=lambda n: order.get(n.removesuffix("_wake"), len(order)))

    def _figure(self, key, rows):
        def middle(values):
            values = [v for v in values if v is not None]
            return median(values) if values else None

        if self.by_cpu:
            rows = [replace(r, median=r.cpu_median, least=r.cpu_least) for r in rows]
        cpus = [r.cpu_least for r in rows if r.cpu_least is not None]
        allocs = self.allocs.get(key)
        return Figure(key[3], median(r.median for r in rows), min(r.least for r in rows),
                      middle([r.cpu_median for r in rows]), min(cpus) if cpus else None,
                      middle([r.allocs for r in rows]) if allocs is None else allocs,
                      middle([r.bytes for r in rows]))


def number(value):
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def verdict(promise, ours, best, go):
    """met or missed by medians and by minima alike; close when the two disagree."""
    answers = set()
    for part, rival in zip(promise, (best, go)):
        if part is None or rival is None:
            continue
        answers.add((ours.median <= part * rival.median, ours.least <= part * rival.least))
    if not answers:
        return ""
    if answers == {(True, True)}:
        return "met"
    return "close" if all(any(a) for a in answers) else "MISSED"


def compared(figures, procs, workload, languages):
    """(ours, the best rival, Go) of a workload; None where there is no such figure."""
    ours = figures.best(procs, workload, "sluice")
    rivals = [figures.best(procs, workload, name) for name in languages if name != "sluice"]
    rivals = [r for r in rivals if r and r.label.split(" ")[-1] not in NOT_COUNTED]
    return ours, min(rivals, key=lambda r: r.median, default=None), figures.best(procs, workload, "go")


def ratio(ours, rival):
    return f"{ours.median / rival.median:.2f}" if ours and rival else "-"


def show(figures, procs, languages):
    """Prints the table of one number of processors; ns per op: median (least)."""
    print(f"\nP={procs}: {figures.unit} per op, median of all processes (least); allocations per op in []")
    header = ["workload", *languages, "/best", "/go", "/tokio", "promise", ""]
    lines = [header]
    for workload in figures.workloads(procs):
        if workload.startswith("s8_"):
            continue
        line = [workload]
        for language in languages:
            f = figures.best(procs, workload, language)
            if f is None:
                line.append("-")
                continue
            allocs = "" if f.allocs is None else f" [{f.allocs:.1f}]"
            size = f" {f.bytes:,.0f} B" if f.bytes is not None else ""
            label = f" {f.label}" if f.label else ""
            line.append(f"{number(f.median)} ({number(f.least)}){allocs}{size}{label}")
        ours, best, go = compared(figures, procs, workload, languages)
        promise = WORKLOADS.get(workload, NONE).at(procs)
        parts = [f"{p:.2f}" if p else "-" for p in promise]
        text = "" if promise == (None, None) else "/".join(parts)
        tokio = figures.best(procs, workload, "tokio")
        line += [ratio(ours, best), ratio(ours, go), ratio(ours, tokio), text]
        line.append(verdict(promise, ours, best, go) if ours else "")
        lines.append(line)
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def write_tsv(figures, path):
    """Everything measured, every candidate, for later comparison."""
    columns = ["procs", "workload", "language", "candidate", "median_ns", "min_ns", "cpu_ns",
               "cpu_min_ns", "allocs_per_op", "bytes_per_item", "processes"]
    with open(path, "w", encoding="utf-8") as out:
        out.write("\t".join(columns) + "\n")
        for key, rows in figures.rows.items():
            f = figures._figure(key, rows)
            cells = [f.median, f.least, f.cpu, f.cpu_least, f.allocs, f.bytes]
            texts = ["-" if c is None else f"{c:.3f}" for c in cells]
            out.write("\t".join([*map(str, key), *texts, str(len(rows))]) + "\n")
