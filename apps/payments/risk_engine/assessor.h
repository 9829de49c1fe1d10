// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/result.h"
#include "sluice/context/context.h"

namespace risk_engine {

enum class Decision : uint8_t { allow, review, deny };

std::string_view name(Decision decision);

// The payment as far as risk is concerned.
struct Inquiry {
  std::string account;  // who pays
  int64_t amount_minor = 0;
  std::string currency;  // ISO 4217
  int exponent = 2;      // its decimals
  std::string country;   // ISO 3166 alpha-2; empty: unknown
};

struct Assessment {
  Decision decision = Decision::allow;
  int score = 0;                   // 0 harmless to 100
  std::vector<std::string> rules;  // those that added to the score
  std::string decided_by;          // "engine", or "fallback" when no engine answered in time
};

// Who answers inquiries: the Engine, a remote one, or a test's.
class Assessor {
 public:
  virtual ~Assessor() = default;

  // Waits at most until `context` ends; called from many goroutines at once.
  // Errors: the context's, or the assessor's own. Neither says anything about the payment.
  virtual sluice::Result<Assessment> assess(const sluice::Context& context,
                                            const Inquiry& inquiry) = 0;
};

}  // namespace risk_engine
