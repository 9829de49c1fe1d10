// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/result.h"
#include "sluice/runtime/internal/cgroup.h"

namespace sluice::runtime {

constexpr uint64_t memory_unlimited = UINT64_MAX;

// "512MiB", "1073741824", "off" (memory_unlimited): GOMEMLIMIT's syntax, a whole number of bytes or
// with B, KiB, MiB, GiB or TiB. Errors: invalid_argument: "NAME=text: ...", also below 1 MiB, where
// a unit was forgotten.
Result<uint64_t> parse_memory_bytes(std::string_view name, std::string_view text);

// A soft limit, and whose use of memory is held against it.
struct MemoryBound {
  uint64_t limit_bytes = 0;
  std::string folder;  // of that cgroup; empty: this process alone, by its resident size
  bool v2 = false;

  bool operator==(const MemoryBound&) const = default;
};

// What limits this process: each of its cgroups that has a limit (v2: the lower of memory.max and
// memory.high; v1: memory.limit_in_bytes), at 90 % of that, and `wished` as it is, if not 0. The
// tenth is for what is used up between two looks, and for what the kernel has charged already and
// not yet shown (cgroups count in batches); GOMEMLIMIT's guide and automemlimit leave as much.
// A wish does not replace the cgroups' limits, as GOMEMLIMIT does: it is held against what this
// process has resident, and the kernel kills by the cgroup's use, which has its sockets, page
// tables and neighbours in it. Of memory_unlimited: none.
std::vector<MemoryBound> memory_bounds(uint64_t wished, const std::vector<CgroupFolder>& folders);

}  // namespace sluice::runtime
