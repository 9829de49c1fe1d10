// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include "apps/payments/risk_engine/assessor.h"
#include "apps/payments/risk_engine/engine.h"

namespace payments_simulation {

// The real engine, which is sometimes late, whatever the context says, fails or throws.
class UnreliableRisk final : public risk_engine::Assessor {
 public:
  UnreliableRisk() : engine_(risk_engine::Policy{}) {}

  // In a million inquiries, for each of the three.
  void set_faults(uint32_t per_million) { per_million_ = per_million; }

  sluice::Result<risk_engine::Assessment> assess(const sluice::Context& context,
                                                 const risk_engine::Inquiry& inquiry) override;

 private:
  risk_engine::Engine engine_;
  uint32_t per_million_ = 0;
};

}  // namespace payments_simulation
