// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::runtime {

// Pointers that a program has left with the kernel, and would get back: epoll's data
// (/proc/self/fdinfo) and those of POSIX timers (/proc/self/timers, on kernels that have it).
// Writes as many as there is room for, and counts how many there are. What else a program may leave
// there is not shown: see leaks.h. Allocates nothing.
// Returns null, or why they cannot be known: the files are not to be opened, or there are
// descriptors that keep what they do not show (io_uring), or that a copy of the process would wait
// for (userfaultfd).
const char* read_kernel_words(std::span<uintptr_t> out, size_t* count);

// Shows `visit(word)` every number of `text` in hexadecimal that could be a pointer: at least
// five digits.
template <class Visit>
void visit_hex_words(const char* text, size_t size, Visit visit) {
  uintptr_t word = 0;
  int digits = 0;
  for (size_t i = 0; i <= size; ++i) {
    char c = i < size ? text[i] : ' ';
    bool decimal = c >= '0' && c <= '9';
    if (decimal || (c >= 'a' && c <= 'f')) {
      word = word << 4 | static_cast<uintptr_t>(decimal ? c - '0' : c - 'a' + 10);
      ++digits;
      continue;
    }
    if (digits >= 5) visit(word);
    word = 0;
    digits = 0;
  }
}

}  // namespace sluice::runtime
