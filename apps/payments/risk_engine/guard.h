// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>

#include "apps/payments/risk_engine/assessor.h"
#include "apps/payments/risk_engine/policy.h"
#include "sluice/base/time.h"
#include "sluice/sync/wait_group.h"

namespace risk_engine {

struct GuardOptions {
  // How long a payment waits for the assessor.
  sluice::Duration deadline = std::chrono::milliseconds{50};
  // Assessments left behind, past their deadline; with that many the assessor is not asked.
  int64_t stragglers_max = 1000;
};

// The rule for when nobody answers: blocked countries are denied, large amounts go to review, the
// rest passes. Knows no history, waits for nothing.
Assessment fallback(const Policy& policy, const Inquiry& inquiry);

// An assessor that always answers in time: the real one's answer, or fallback()'s when it is late,
// fails (an exception is a failure), or is too far behind; `decided_by` says which. One that takes
// no notice of its deadline does not hold the payment up: it runs on in its own goroutine, and its
// answer is dropped. Thread-safe. The destructor waits for assessments that still run.
class Guard {
 public:
  Guard(Assessor& assessor, Policy policy, GuardOptions options = {});
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  // Waits at most for the deadline, or until `context` ends.
  Assessment assess(const sluice::Context& context, const Inquiry& inquiry);

  int64_t fallbacks() const { return fallbacks_.load(std::memory_order_relaxed); }

 private:
  // An assessment has two ends, its caller's and its assessor's: who comes second knows it.
  enum class Progress : uint8_t { both_wait, left_behind, answered };

  sluice::Result<Assessment> ask(const sluice::Context& context, const Inquiry& inquiry);
  Assessment fall_back(const Inquiry& inquiry);

  Assessor& assessor_;
  const Policy policy_;
  const GuardOptions options_;
  std::atomic<int64_t> stragglers_{0};
  std::atomic<int64_t> fallbacks_{0};
  sluice::sync::WaitGroup goroutines_;
};

}  // namespace risk_engine
