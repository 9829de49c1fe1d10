// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/risk_engine/engine.h"

#include <algorithm>

namespace risk_engine {

Engine::Engine(Policy policy) : policy_(std::move(policy)), velocity_(policy_.velocity_window) {}

sluice::Result<Assessment> Engine::assess(const sluice::Context& context, const Inquiry& inquiry) {
  if (std::optional<sluice::Error> ended = context.err()) return *ended;
  Assessment assessment{.decided_by = "engine"};
  const auto add = [&](int score, const char* rule) {
    assessment.score += score;
    assessment.rules.emplace_back(rule);
  };
  const int64_t recent = velocity_.count(inquiry.account, sluice::now());
  if (recent > policy_.velocity_deny)
    add(80, "velocity_extreme");
  else if (recent > policy_.velocity_review)
    add(40, "velocity_high");
  const int64_t amount = rough_euros(inquiry);
  if (amount >= policy_.huge_amount)
    add(80, "amount_huge");
  else if (amount >= policy_.large_amount)
    add(40, "amount_large");
  if (policy_.is_blocked(inquiry.country))
    add(100, "country_blocked");
  else if (policy_.is_watched(inquiry.country))
    add(30, "country_watched");
  else if (inquiry.country.empty())
    add(5, "country_unknown");
  assessment.score = std::min(assessment.score, 100);
  assessment.decision = policy_.decide(assessment.score);
  return assessment;
}

}  // namespace risk_engine
