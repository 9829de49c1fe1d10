// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/risk_engine/guard.h"

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "sluice/chan/select.h"

namespace risk_engine {

using sluice::Channel;
using sluice::Context;
using sluice::Result;

Assessment fallback(const Policy& policy, const Inquiry& inquiry) {
  if (policy.is_blocked(inquiry.country))
    return {.decision = Decision::deny,
            .score = 100,
            .rules = {"country_blocked"},
            .decided_by = "fallback"};
  if (rough_euros(inquiry) >= policy.large_amount)
    return {.decision = Decision::review,
            .score = policy.review_score,
            .rules = {"amount_large"},
            .decided_by = "fallback"};
  return {.decided_by = "fallback"};
}

Guard::Guard(Assessor& assessor, Policy policy, GuardOptions options)
    : assessor_(assessor), policy_(std::move(policy)), options_(options) {}

Guard::~Guard() { goroutines_.wait(); }

Assessment Guard::assess(const Context& context, const Inquiry& inquiry) {
  if (stragglers_.load(std::memory_order_relaxed) >= options_.stragglers_max)
    return fall_back(inquiry);
  auto [bounded, cancel] = sluice::with_timeout(context, options_.deadline);
  Channel<Result<Assessment>> answers{1};  // buffered: a late answer finds room and is dropped
  auto progress = std::make_shared<std::atomic<Progress>>(Progress::both_wait);
  goroutines_.go([this, answers, inquiry, bounded, progress] {
    answers.send(ask(bounded, inquiry));
    // Relaxed, here and below: it only counts; the answer goes through the channel.
    if (progress->exchange(Progress::answered, std::memory_order_relaxed) == Progress::left_behind)
      stragglers_.fetch_sub(1, std::memory_order_relaxed);
  });
  std::optional<Result<Assessment>> answer;
  sluice::select(
      sluice::on_receive(answers,
                         [&](std::optional<Result<Assessment>> got) { answer = std::move(got); }),
      sluice::on_receive(bounded.done()));
  if (!answer) {
    stragglers_.fetch_add(1, std::memory_order_relaxed);
    if (progress->exchange(Progress::left_behind, std::memory_order_relaxed) == Progress::answered)
      stragglers_.fetch_sub(1, std::memory_order_relaxed);
  }
  if (!answer || !*answer) return fall_back(inquiry);
  return **std::move(answer);
}

Result<Assessment> Guard::ask(const Context& context, const Inquiry& inquiry) {
  try {
    return assessor_.assess(context, inquiry);
  } catch (const std::exception& exception) {
    return sluice::Error{sluice::Code::internal,
                         std::string{"exception in the assessor: "} + exception.what()};
  } catch (...) {
    return sluice::Error{sluice::Code::internal, "exception in the assessor"};
  }
}

Assessment Guard::fall_back(const Inquiry& inquiry) {
  fallbacks_.fetch_add(1, std::memory_order_relaxed);
  return fallback(policy_, inquiry);
}

}  // namespace risk_engine
