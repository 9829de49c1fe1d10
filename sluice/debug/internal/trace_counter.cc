// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/trace_counter.h"

namespace sluice::debug::internal {

void TraceCounter::set(uint64_t time_ns, int64_t value) {
  if (time_ns - written_at_ >= spacing_ns_) {
    finish();
    write(time_ns, value);
  }
  value_ = value;
  changed_at_ = time_ns;
}

void TraceCounter::finish() {
  if (value_ != written_) write(changed_at_, value_);
}

void TraceCounter::write(uint64_t time_ns, int64_t value) {
  out_.value(track_, time_ns, value);
  written_at_ = time_ns;
  written_ = value;
}

}  // namespace sluice::debug::internal
