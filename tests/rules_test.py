#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that tools/tidy and tools/layers pass a clean tree and fail on each planted violation.

Each case copies a small clean tree to a temporary folder, changes one file, and expects the rule's
name in the output.
"""

import importlib.machinery
import importlib.util
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SPDX = "// SPDX-License-Identifier: Apache-2.0\n\n"
HEADER = SPDX + "#pragma once\n\n"

CLEAN = {
    "tools/layers.txt": "base : -\nchan : base\nnet : base chan\ntests : chan\n",
    "README.md": "# A tree\n",
    "sluice/base/CMakeLists.txt": "sluice_package(base HEADERS error.h SOURCES error.cc\n"
                                  "  TESTS error_test.cc FUZZ error_fuzz.cc)\n",
    "sluice/base/README.md": "# base\n",
    "sluice/base/error.h": HEADER + "#include <string>\n\nint size(const std::string& text);\n",
    "sluice/base/error.cc": SPDX + '#include "sluice/base/error.h"\n\n#include <string>\n',
    "sluice/base/error_test.cc": SPDX + '#include "sluice/base/error.h"\n\n'
                                 '#include <vector>\n\n#include <gtest/gtest.h>\n\n'
                                 '#include "sluice/chan/channel.h"\n',
    "sluice/base/error_fuzz.cc": SPDX,
    "sluice/base/corpus/error/seed": "seed",
    "sluice/chan/CMakeLists.txt": "sluice_package(chan HEADERS channel.h internal/core.h)\n",
    "sluice/chan/README.md": "# chan\n",
    "sluice/chan/channel.h": HEADER + '#include "sluice/base/error.h"\n'
                             '#include "sluice/chan/internal/core.h"\n',
    "sluice/chan/internal/core.h": HEADER,
}

LINES = "  use(1);\n"
BASE_H, BASE_CC, TEST_CC = (f"sluice/base/error{end}" for end in (".h", ".cc", "_test.cc"))
CHAN_H, CORE_H = "sluice/chan/channel.h", "sluice/chan/internal/core.h"
MARK = "// tidy: "

# (tool, rule or message, file, change): text is appended to the file, None removes it, a tuple
# replaces old by new.
PLANTED = [
    ("tidy", "spdx", BASE_CC, (SPDX, "")),
    ("tidy", "pragma-once", CORE_H, ("#pragma once", "#ifndef CORE_H")),
    ("tidy", "columns", BASE_CC, "// " + "x" * 100 + "\n"),
    ("tidy", "long-file", BASE_CC, "int x;\n" * 400),
    ("tidy", "long-file", TEST_CC, "int x;\n" * 600),
    ("tidy", "long-function", BASE_CC, "int f(int x) {\n" + LINES * 60 + "}\n"),
    ("tidy", "long-function", BASE_CC, "namespace a {\nX::X() : a_{1} {\n" + LINES * 60 + "}\n}\n"),
    ("tidy", "using-namespace", BASE_H, "using namespace std;\n"),
    ("tidy", "macro", BASE_H, "#define CHECK(x) x\n"),
    ("tidy", "whitespace", BASE_CC, "int x; \n"),
    ("tidy", "unfinished", BASE_CC, "// TO" + "DO: later\n"),
    ("tidy", "machine-path", BASE_CC, '// see /ho' + 'me/somebody/notes\n'),
    ("tidy", "include", BASE_CC, '#include "error.h"\n'),
    ("tidy", "include", BASE_CC, "#include <sluice/base/error.h>\n"),
    ("tidy", "include", BASE_CC, ('#include "sluice/base/error.h"\n\n', "")),
    ("tidy", "include", TEST_CC, "#include <map>\n"),
    ("tidy", "include", BASE_H, "#include <sqlite3.h>\n"),
    ("tidy", "sleeps", TEST_CC, "void f() { std::this_thread::sleep_for(1s); }\n"),
    ("tidy", "has-test", TEST_CC, None),
    ("tidy", "has-test", BASE_CC, MARK + "tested-by: no_such_test.cc\n"),
    ("tidy", "has-corpus", "sluice/base/corpus/error/seed", None),
    ("tidy", "listed", "sluice/base/CMakeLists.txt", ("error_test.cc", "")),
    ("tidy", "readme", "sluice/base/README.md", "a line\n" * 40),
    ("tidy", "readme", "sluice/chan/README.md", None),
    ("tidy", "readme", "README.md", "a line\n" * 150),
    ("layers", "layer", BASE_H, '#include "sluice/chan/channel.h"\n'),
    ("layers", "layer", BASE_CC, '#include "sluice/net/conn.h"\n'),
    ("layers", "internal", TEST_CC, '#include "sluice/chan/internal/core.h"\n'),
    ("layers", "cycle", CORE_H, '#include "sluice/chan/channel.h"\n'),
    ("layers", "not above it", "tools/layers.txt", ("chan : base", "chan : base net")),
]

# Changes that must not be findings: the markers, and code that looks long or like a rule's target.
HARMLESS = [
    ("tidy", BASE_CC, MARK + "long-file: a table\n" + "int x;\n" * 400),
    ("tidy", BASE_CC, MARK + "long-function: a table\nint f(int x) {\n" + LINES * 60 + "}\n"),
    ("tidy", BASE_CC, "class X {\n" + "  int x;\n" * 70 + "};\n"),
    ("tidy", BASE_CC, "constexpr int table[] = {\n" + "  1,\n" * 70 + "};\n"),
    ("tidy", TEST_CC, MARK + "sleeps: the subject\nvoid f() { usleep(1); }\n"),
    ("tidy", BASE_H, '// say using namespace std; or "using namespace std;"\n'),
    ("tidy", BASE_CC, MARK + "tested-by: error_test.cc\n"),
    ("layers", "tools/layers.txt", f"allow {TEST_CC} : {CORE_H}\n"),
]


def run(tool, changes):
    """Runs the tool over the clean tree with `changes` applied: (exit status, output)."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in {**CLEAN, **changes}.items():
            if text is not None:
                file = pathlib.Path(folder, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
        result = subprocess.run([ROOT / "tools" / tool, "--root", folder],
                                capture_output=True, text=True, check=False)
        return result.returncode, result.stdout + result.stderr


def changed(path, change):
    if change is None:
        return None
    if isinstance(change, tuple):
        assert change[0] in CLEAN[path], (path, change)
        return CLEAN[path].replace(*change)
    return CLEAN[path] + change


def tidy_rules():
    """The names of tools/tidy's rules, so that one without a planted violation is noticed."""
    loader = importlib.machinery.SourceFileLoader("tidy", str(ROOT / "tools" / "tidy"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("tidy", loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return set(module.RULES)


def main():
    failures = []
    for tool in ("tidy", "layers"):
        status, output = run(tool, {})
        if status != 0:
            failures.append(f"{tool} does not pass the clean tree:\n{output}")
    for tool, rule, path, change in PLANTED:
        status, output = run(tool, {path: changed(path, change)})
        expected = rule if " " in rule else f": {rule}: "
        if status == 0 or expected not in output:
            failures.append(f"{tool} misses a planted {rule} in {path}:\n{output}")
    for tool, path, change in HARMLESS:
        status, output = run(tool, {path: changed(path, change)})
        if status != 0:
            failures.append(f"{tool} finds fault with what is allowed, in {path}:\n{output}")
    for rule in tidy_rules() - {rule for tool, rule, _, _ in PLANTED if tool == "tidy"}:
        failures.append(f"no violation of {rule} is planted")
    print(*failures, f"rules_test: {len(PLANTED)} planted, {len(HARMLESS)} harmless, "
          f"{len(failures)} failures", sep="\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
