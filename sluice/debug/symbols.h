// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::debug {

// A function at a place in a source file.
struct SourceFrame {
  std::string function;  // without parameters and return type: "ns::Type<int>::member"; never empty
  std::string file;      // as the compiler was told it; "" without debug information
  int line = 0;
  bool inlined = false;  // into the frame after it
};

// What stands behind one code address.
struct CodeLocation {
  uintptr_t entry = 0;              // where the function starts; 0: not known
  std::vector<SourceFrame> frames;  // innermost first, at least one
};

// The call before a return address, in words: functions need a symbol table, files, lines and
// inlined calls need -g. Without either the function is named by its file and where it begins in it
// ("libsqlite3.so.0+0x1234"), or by the address.
// The first call reads the program's debug information (about 0.1 s); it stays in memory, and so
// does every answer: the reference is good for ever. Code that was loaded by dlopen() after the
// first call may be missing.
// Thread-safety: any thread, any goroutine; not a signal handler, since it locks and allocates.
const CodeLocation& locate(uintptr_t return_address);

}  // namespace sluice::debug
