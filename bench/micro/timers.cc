// SPDX-License-Identifier: Apache-2.0

#include <chrono>

#include "bench/micro/harness.h"
#include "sluice/context/context.h"
#include "sluice/runtime/timer.h"

namespace bench {
namespace {

using namespace std::chrono_literals;
using sluice::Context;
using sluice::runtime::Timer;

void ignore(void*, uint64_t) {}

// There in every language: what any service has, and what tokio needs for speed.
class EarlierTimer {
 public:
  EarlierTimer() { timer_.start(sluice::now() + 30min, ignore, nullptr, 0); }
  ~EarlierTimer() { timer_.stop(); }

 private:
  Timer timer_;
};

Samples timer() {
  EarlierTimer earlier;
  int64_t n = scaled(500'000);
  int64_t stopped = 0;
  Stopwatch watch;
  for (int64_t i = 0; i < n; ++i) {
    Timer timer;
    timer.start(sluice::now() + 1h, ignore, nullptr, 0);
    stopped += timer.stop();
  }
  Samples samples = watch.stop("timer", n);
  SLUICE_ASSERT(stopped == n);
  return samples;
}

Samples timer_reuse() {
  EarlierTimer earlier;
  int64_t n = scaled(1'000'000);
  int64_t stopped = 0;
  Timer timer;
  Stopwatch watch;
  for (int64_t i = 0; i < n; ++i) {
    timer.start(sluice::now() + 1h, ignore, nullptr, 0);
    stopped += timer.stop();
  }
  Samples samples = watch.stop("timer_reuse", n);
  SLUICE_ASSERT(stopped == n);
  return samples;
}

Samples context_timeout(std::string_view name, const Context& parent) {
  EarlierTimer earlier;
  int64_t n = scaled(300'000);
  int64_t cancelled = 0;
  Stopwatch watch;
  for (int64_t i = 0; i < n; ++i) {
    auto [child, cancel] = sluice::with_timeout(parent, 1h);
    cancel();
    cancelled += child.cancelled();
  }
  Samples samples = watch.stop(name, n);
  SLUICE_ASSERT(cancelled == n);
  return samples;
}

Samples context_child() {
  auto [root, cancel] = sluice::with_cancel(Context::background());
  return context_timeout("ctx_child", root);
}

Samples context_cancel() {
  int64_t n = scaled(500'000);
  auto [root, stop] = sluice::with_cancel(Context::background());
  int64_t cancelled = 0;
  Stopwatch watch;
  for (int64_t i = 0; i < n; ++i) {
    auto [child, cancel] = sluice::with_cancel(root);
    cancel();
    cancelled += child.cancelled();
  }
  Samples samples = watch.stop("ctx_cancel", n);
  SLUICE_ASSERT(cancelled == n);
  return samples;
}

}  // namespace

void register_timers(Workloads& all) {
  all.push_back({"timer", timer});
  all.push_back({"timer_reuse", timer_reuse});
  all.push_back({"ctx_timeout", [] { return context_timeout("ctx_timeout", Context()); }});
  all.push_back({"ctx_child", context_child});
  all.push_back({"ctx_cancel", context_cancel});
}

}  // namespace bench
