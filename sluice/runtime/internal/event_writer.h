// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>

namespace sluice::runtime {

struct EventChunk;

// Where one thread writes.
struct EventWriter {
  // 1 while it writes. The protocol of region.h, with "nobody records any more" as `barred`: the
  // writer stores busy and then reads the flag; who ends the recording stores the flag, issues the
  // heavy fence, and then waits until busy is 0.
  std::atomic<uint32_t> busy{0};
  uint32_t session = 0;  // the recording that `chunk` belongs to
  EventChunk* chunk = nullptr;
};

}  // namespace sluice::runtime
