// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "sluice/runtime/internal/scratch.h"

namespace sluice::runtime {

extern const size_t page_bytes;

// One line of /proc/self/maps.
struct Mapping {
  enum class Kind : uint8_t {
    anonymous,    // malloc's arenas and mmaps, thread stacks, .bss
    heap,         // what brk() gave
    main_stack,   // the main thread's
    memory_file,  // memfd, /dev/shm, hugetlbfs, shared anonymous memory
    file,
    io_uring,  // rings that the kernel shares
    special,   // devices, vdso and the like
  };

  uintptr_t begin = 0;
  uintptr_t end = 0;
  bool readable = false;
  bool writable = false;
  bool executable = false;
  bool shared = false;
  Kind kind = Kind::special;
};

// False: not a line of that file.
bool parse_mapping(std::string_view line, Mapping* mapping);

// What is mapped now, by address. Allocates nothing but from `scratch`. Empty: it cannot be read,
// or there is no room for it.
std::span<const Mapping> read_mappings(Scratch* scratch);

// Which pages of a range may hold anything but what a file has there, or zeroes, by
// /proc/self/pagemap. Where the kernel does not tell, all.
class PagesInUse {
 public:
  PagesInUse();
  ~PagesInUse();
  PagesInUse(const PagesInUse&) = delete;
  PagesInUse& operator=(const PagesInUse&) = delete;

  // The first part of [begin, end) that is of such pages; empty, at `end`: none.
  struct Run {
    uintptr_t begin = 0;
    uintptr_t end = 0;
  };
  Run next(uintptr_t begin, uintptr_t end);

 private:
  bool used(uintptr_t page);

  static constexpr size_t entries_max = 512;

  const int fd_;
  uintptr_t cached_ = 0;  // address that entries_[0] is about
  size_t cached_count_ = 0;
  uint64_t entries_[entries_max];
};

// Reads this process's memory by way of the kernel, who does not die of guards and holes. A hole
// reads as what was in `to` before.
class SafeReader {
 public:
  SafeReader();
  ~SafeReader();
  SafeReader(const SafeReader&) = delete;
  SafeReader& operator=(const SafeReader&) = delete;

  bool ok() const { return fd_ >= 0; }
  // Returns how many bytes from `from` on it could read; 0: the first page cannot be read.
  size_t read(uintptr_t from, std::span<char> to) const;

 private:
  const int fd_;
};

}  // namespace sluice::runtime
