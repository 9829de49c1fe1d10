# SPDX-License-Identifier: Apache-2.0
"""What is compared, and what is promised about it."""

from dataclasses import dataclass

# Rivals whose channel or map would be no fair choice for what the op asks: shown, not counted.
NOT_COUNTED = {
    "kanal": "loses items when select drops a receive, never gives way to other tasks",
    "xsync": "a third-party map; the promise is about the standard library's idioms",
    "delay_queue": "belongs to one task; no other can arm or stop a timer in it",
    "guarded": "the promise is about sync::Map",
    "reset": "pushes one timer on; never stops it",
}


@dataclass(frozen=True)
class Promise:
    """The most that ours may take, as a part of a rival's time; None: no promise."""

    of_best: float | None = None
    of_go: float | None = None
    of_best_p2: float | None = None
    of_go_p2: float | None = None

    def at(self, procs):
        """(part of the best rival's time, part of Go's) at this number of processors."""
        if procs == 1:
            return self.of_best, self.of_go
        return self.of_best_p2, self.of_go_p2


HALF = Promise(of_best=1 / 2, of_go=1 / 3, of_best_p2=2 / 3)
POOL = Promise(of_go=1 / 2, of_go_p2=1 / 2)
MAP = Promise(of_go=1, of_go_p2=1)
NONE = Promise()

# In the order of the table.
WORKLOADS = {
    "spawn": HALF,
    "yield_1000": HALF,
    "yield_2": NONE,
    "chan_unbuf": HALF,
    "chan_buf": HALF,
    "chan_uncontended": HALF,
    "select4": HALF,
    "select4_default": NONE,
    "timer": HALF,
    "timer_reuse": NONE,
    "ctx_timeout": HALF,
    "ctx_child": NONE,
    "ctx_cancel": NONE,
    "skynet": HALF,
    "skynet_100k": HALF,
    "pool": POOL,
    "map_read99": MAP,
    "map_read90": MAP,
    "map_read99_small": MAP,
    "map_read90_small": MAP,
    "chan_pairs": NONE,
    "chan_fanin": NONE,
    "mutex": NONE,
    "spawn_mem_100k": NONE,
    "spawn_mem_1m": NONE,
}

# The seed's table of buffer reuse, and memory: for `make bench` in tables of their own.
S8 = {"s8_new": "new 1 KiB", "s8_pool": "Pool", "s8_prealloc": "preallocated"}
ONCE = {"spawn_mem_100k", "spawn_mem_1m"}
