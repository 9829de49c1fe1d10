// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>

#include "sluice/base/time.h"
#include "sluice/runtime/poll.h"

namespace sluice::net::internal {

// The deadline of one direction of a connection, which the end of a context overrides for a while.
// PollDesc::interrupt() would serve as well, but it ends the waits of both directions, and a
// context that bounds a read must not fail somebody's write. Thread-safe.
class Direction {
 public:
  enum class Side : uint8_t { read, write };

  explicit Direction(Side side) : side_(side) {}
  // For moving a connection: nobody waits on it.
  Direction(Direction&& other) noexcept : side_(other.side_), deadline_(other.deadline_.load()) {}
  Direction& operator=(Direction&& other) noexcept {
    deadline_.store(other.deadline_.load());
    return *this;
  }

  void set_deadline(runtime::PollDesc& poll, Instant when) {
    deadline_.store(when);
    apply(poll);
  }
  // Waits fail with deadline_exceeded, also the running one, until let_wait().
  void end_waits(runtime::PollDesc& poll) {
    ended_.store(true);
    apply(poll);
  }
  void let_wait(runtime::PollDesc& poll) {
    ended_.store(false);
    apply(poll);
  }

 private:
  Instant wanted() const { return ended_.load() ? Instant{} : deadline_.load(); }

  // Callers may run together, and what the slower one passes on may be out of date: each looks
  // again, and the last one leaves what is wanted. No lock, as setting a deadline may wake.
  void apply(runtime::PollDesc& poll) {
    for (;;) {
      Instant when = wanted();
      if (side_ == Side::read) {
        poll.set_read_deadline(when);
      } else {
        poll.set_write_deadline(when);
      }
      if (when == wanted()) return;
    }
  }

  const Side side_;
  std::atomic<bool> ended_{false};
  std::atomic<Instant> deadline_{Instant::max()};
};

}  // namespace sluice::net::internal
