// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/simulation/risk.h"

#include <stdexcept>

#include "apps/payments/simulation/dice.h"
#include "apps/payments/simulation/tally.h"
#include "sluice/runtime/go.h"
#include "sluice/simulation/simulate.h"

namespace payments_simulation {

sluice::Result<risk_engine::Assessment> UnreliableRisk::assess(
    const sluice::Context& context, const risk_engine::Inquiry& inquiry) {
  using sluice::simulation::fault;
  if (fault(per_million_)) {
    tally(Tallied::risk_late);
    sluice::sleep_for(Dice{}.up_to(std::chrono::seconds{2}));
  }
  if (fault(per_million_)) {
    tally(Tallied::risk_failed);
    return sluice::Error{sluice::Code::internal, "risk fails"};
  }
  if (fault(per_million_)) {
    tally(Tallied::risk_failed);
    throw std::runtime_error{"risk throws"};
  }
  return engine_.assess(context, inquiry);
}

}  // namespace payments_simulation
