# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 hello under wrk: requests per second, and the server's CPU time for each."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from statistics import median

SECONDS = 3
CONNECTIONS = 64
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    """User and system time of all threads of a process."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def answer(port):
    """One request by hand: the whole answer of a server that must say hello."""
    with socket.create_connection(("127.0.0.1", port), timeout=2) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n")
        got = b""
        while not got.endswith(b"Hello, World!"):
            part = peer.recv(4096)
            if not part:
                raise RuntimeError(f"the server hung up after {got!r}")
            got += part
    if not got.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"not a good answer: {got!r}")
    return got


def wait_until_up(server, port):
    until = time.monotonic() + 10
    while True:
        try:
            return answer(port)
        except OSError:
            if server.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.05)


def one(command, procs):
    """(requests per second, CPU microseconds of the server per request, bytes of an answer)"""
    port = free_port()
    server = subprocess.Popen([*command, str(procs), str(port)], stderr=subprocess.DEVNULL)
    try:
        size = len(wait_until_up(server, port))
        url = f"http://127.0.0.1:{port}/"
        load = ["wrk", "-t1", f"-c{CONNECTIONS}"]
        subprocess.run([*load, "-d1s", url], capture_output=True, check=True)
        before = cpu_seconds(server.pid)
        done = subprocess.run([*load, f"-d{SECONDS}s", url], capture_output=True, text=True,
                              check=True)
        spent = cpu_seconds(server.pid) - before
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(done.stdout)
    requests = int(re.search(r"(\d+) requests in", done.stdout)[1])
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])
    return rate, spent / requests * 1e6, size


def compare(build, go, rust, procs_list, rounds):
    if shutil.which("wrk") is None:
        print("\nHTTP/1.1: wrk is not installed (apt-get install wrk)")
        return
    servers = {
        "sluice": [str(build / "bench/http_hello")],
        "go net/http": [str(go / "http_hello")],
        "hyper": [str(rust / "http_hello")],
    }
    servers = {name: line for name, line in servers.items() if os.path.exists(line[0])}
    for procs in procs_list:
        got = {name: [] for name in servers}
        for _ in range(rounds):
            for name, command in servers.items():
                got[name].append(one(command, procs))
        print(f"\nHTTP/1.1 hello, P={procs}, wrk -t1 -c{CONNECTIONS} -d{SECONDS}s: medians of {rounds}")
        print("server         requests/s   server CPU us/request (least)   bytes/answer")
        for name, runs in got.items():
            cpu = [r[1] for r in runs]
            print(f"{name:14} {median(r[0] for r in runs):10,.0f}   {median(cpu):10.2f} "
                  f"({min(cpu):.2f})              {runs[0][2]:8}")
        if "sluice" in got and "hyper" in got:
            least = [min(r[1] for r in got[name]) for name in ("sluice", "hyper")]
            middle = [median(r[1] for r in got[name]) for name in ("sluice", "hyper")]
            kept = {middle[0] <= middle[1], least[0] <= least[1]}
            verdict = "met" if kept == {True} else "close" if True in kept else "MISSED"
            print(f"/hyper: {middle[0] / middle[1]:.2f} (by least {least[0] / least[1]:.2f}); "
                  f"promise 1.00: {verdict}")
