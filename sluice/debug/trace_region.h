// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>

#include "sluice/runtime/events.h"

namespace sluice::debug {

// A span of a goroutine's time with a name, shown in an execution trace below that goroutine:
//
//   debug::TraceRegion region("parse");
//
// Regions nest. It may park meanwhile. The name is copied, its first 200 bytes are kept.
// While no trace is recorded it costs a load. On a thread that is no goroutine it does nothing.
class TraceRegion {
 public:
  explicit TraceRegion(std::string_view name) : recorded_(runtime::is_recording()) {
    if (recorded_) [[unlikely]]
      runtime::record_region_begin(name);
  }
  ~TraceRegion() {
    if (recorded_) [[unlikely]]
      runtime::record_region_end();
  }
  TraceRegion(const TraceRegion&) = delete;
  TraceRegion& operator=(const TraceRegion&) = delete;

 private:
  bool recorded_;
};

// A line at this moment in the trace, of the calling goroutine. As TraceRegion.
inline void trace_log(std::string_view text) {
  if (runtime::is_recording()) [[unlikely]]
    runtime::record_log(text);
}

}  // namespace sluice::debug
