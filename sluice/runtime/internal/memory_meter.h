// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sluice/runtime/internal/memory_limit.h"

namespace sluice::runtime {

// What is used of a limit.
struct MemoryReading {
  uint64_t used_bytes = 0;
  uint64_t limit_bytes = 0;  // 0: nothing could be read
};

// A file of the kernel's that is read again and again: one system call each time.
class KernelFile {
 public:
  explicit KernelFile(const std::string& path);
  KernelFile(KernelFile&& other) noexcept;
  KernelFile& operator=(KernelFile&&) = delete;
  ~KernelFile();

  // As much as fits; empty when it cannot be read (any more).
  std::string_view read(char* buffer, size_t size) const;

 private:
  int fd_;
};

// Reads how much is used of each of some limits. For one thread at a time.
class MemoryMeter {
 public:
  explicit MemoryMeter(const std::vector<MemoryBound>& bounds);

  // Of the limit that is nearest to being reached. 1 to 3 µs for a limit; of a cgroup that has used
  // more than 70 % of it some 10 µs, for the page cache that could be dropped is found out too, as
  // it is for `exact`; below that it counts as used.
  MemoryReading read(bool exact) const;

 private:
  struct Source {
    uint64_t limit_bytes;
    bool is_cgroup;
    bool v2;
    KernelFile total;
    KernelFile stat;
  };
  static uint64_t used(const Source& source, bool exact);

  std::vector<Source> sources_;
};

// This process's.
uint64_t resident_bytes();

// For the contents of memory.stat: page cache that has not been used of late; v1's of the hierarchy
// below the cgroup, which is what its usage counts.
uint64_t parse_inactive_file(std::string_view memory_stat, bool v2);

}  // namespace sluice::runtime
