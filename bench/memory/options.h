// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace bench_memory {

// What is done to the server, and where its memory ends.
struct Options {
  bool quick = false;
  // Folder of a cgroup with a limit of hard_mib, for the server; empty: a watchdog kills it when
  // more than that is resident, as the kernel would.
  std::string cgroup;
  uint64_t hard_mib = 256;
  // What a request holds, and how long.
  uint64_t request_kib = 256;
  std::chrono::milliseconds hold{500};
  int calm_per_second = 100;
  int flood_per_second = 3000;
  std::chrono::milliseconds calm{2000};
  std::chrono::milliseconds flood{5000};
};

inline Options quick_options() {
  Options options;
  options.quick = true;
  options.hard_mib = 96;
  options.hold = std::chrono::milliseconds{400};
  options.flood_per_second = 1500;
  options.calm = std::chrono::milliseconds{300};
  options.flood = std::chrono::milliseconds{1500};
  return options;
}

}  // namespace bench_memory
