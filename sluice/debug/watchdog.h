// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <string_view>

#include "sluice/base/function.h"
#include "sluice/base/result.h"
#include "sluice/base/time.h"

namespace sluice::debug {

struct WatchdogOptions {
  // Of a goroutine that computes without giving way. It holds nobody up (its processor is taken
  // after 10 ms), but it occupies a thread and a CPU.
  Duration computing = std::chrono::seconds(1);
  // Of a wait for a sync::Mutex or RWMutex, or, blocked in the kernel, for a std::mutex or
  // pthread_rwlock.
  Duration lock_wait = std::chrono::seconds(1);
  // Where a report goes, a whole one at a time, from the watchdog's thread; it should not take
  // long. Standard error, if empty.
  Function<void(std::string_view)> report = {};
};

// Names goroutines that compute or wait for a lock for longer than they should, while they do:
//
//   watchdog: goroutine 18 has computed for 1.2 s without giving way
//
//   goroutine 18 [running]:
//   app::price(...)
//       src/app.cc:12 +0x2b
//   ...
//
// The same one is named again each time that its time has doubled; waits for locks with the same
// stack are one report, with their number. Times are right to a quarter of the thresholds.
//
// A thread of its own, not a goroutine: it works when every processor is stuck. It looks four times
// within the shorter threshold and sees everything it needs in passing; stacks are taken only when
// there is something to report. It takes less than a thousandth of a CPU, by resting a thousand
// times as long as it looked; where there is something to report, less than a hundredth, and what
// the text takes.
// Thread-safety: none needed. It watches whatever Runtime there is while it lives.
class Watchdog {
 public:
  // Errors: invalid_argument, if a threshold is not positive; those of pthread_create.
  static Result<Watchdog> start(WatchdogOptions options = {});

  Watchdog(Watchdog&&) noexcept;
  Watchdog& operator=(Watchdog&&) noexcept;
  // Ends after the report that is being made, if any.
  ~Watchdog();

 private:
  class Impl;
  explicit Watchdog(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::debug
