// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include "sluice/debug/internal/perfetto_writer.h"

namespace sluice::debug::internal {

// A value over time, written no more often than can be seen.
class TraceCounter {
 public:
  TraceCounter(PerfettoWriter& out, uint64_t track, uint64_t spacing_ns)
      : out_(out), track_(track), spacing_ns_(spacing_ns) {}

  void set(uint64_t time_ns, int64_t value);
  void add(uint64_t time_ns, int64_t change) { set(time_ns, value_ + change); }
  void finish();

 private:
  void write(uint64_t time_ns, int64_t value);

  PerfettoWriter& out_;
  uint64_t track_;
  uint64_t spacing_ns_;
  int64_t value_ = 0;
  uint64_t changed_at_ = 0;
  uint64_t written_at_ = 0;
  int64_t written_ = 0;
};

}  // namespace sluice::debug::internal
