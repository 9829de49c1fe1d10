// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/payments/risk_engine/assessor.h"
#include "sluice/base/time.h"

namespace risk_engine {

// What counts as risky. Amounts are in units of about one euro, whatever the currency.
struct Policy {
  int64_t large_amount = 2'000;  // adds 40 to the score
  int64_t huge_amount = 25'000;  // adds 80
  int64_t velocity_review = 60;  // payments of one account in `velocity_window`: adds 40
  int64_t velocity_deny = 300;   // adds 80
  sluice::Duration velocity_window = std::chrono::minutes{1};
  std::vector<std::string> watched_countries = {"AF", "HT", "MM", "VE", "YE"};  // adds 30
  std::vector<std::string> blocked_countries = {"IR", "KP", "SY"};              // adds 100
  int review_score = 40;
  int deny_score = 80;

  Decision decide(int score) const;
  bool is_watched(const std::string& country) const;
  bool is_blocked(const std::string& country) const;
};

// The amount in units of about one euro, by a table of orders of magnitude: good enough to tell a
// coffee from a car in yen, not to convert money.
int64_t rough_euros(const Inquiry& inquiry);

}  // namespace risk_engine
