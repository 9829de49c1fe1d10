// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "apps/payments/risk_engine/assessor.h"
#include "apps/payments/risk_engine/policy.h"
#include "apps/payments/risk_engine/velocity.h"

namespace risk_engine {

// The full rules: amount, country, and velocity, i.e. how often the account has paid lately.
// Velocity lives in memory and starts from zero with the process. Thread-safe.
class Engine final : public Assessor {
 public:
  explicit Engine(Policy policy);

  // Counts this inquiry into the account's velocity.
  sluice::Result<Assessment> assess(const sluice::Context& context,
                                    const Inquiry& inquiry) override;

 private:
  const Policy policy_;
  Velocity velocity_;
};

}  // namespace risk_engine
