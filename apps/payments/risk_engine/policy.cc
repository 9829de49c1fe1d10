// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/risk_engine/policy.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace risk_engine {
namespace {

// How many of a currency's major units make about one euro. What is not listed counts as one.
struct Worth {
  std::string_view currency;
  double units_per_euro;
};

constexpr std::array<Worth, 24> worths{{
    {"BHD", 0.4},  {"KWD", 0.33},   {"OMR", 0.42},   {"JOD", 0.77}, {"TND", 3.4},  {"JPY", 160},
    {"KRW", 1500}, {"VND", 27'000}, {"IDR", 17'500}, {"HUF", 400},  {"CLP", 1050}, {"COP", 4500},
    {"INR", 95},   {"CZK", 25},     {"SEK", 11},     {"NOK", 11.5}, {"DKK", 7.5},  {"MXN", 21},
    {"ZAR", 20},   {"THB", 37},     {"PLN", 4.3},    {"TRY", 45},   {"BRL", 6},    {"CNY", 8},
}};

bool contains(const std::vector<std::string>& list, const std::string& item) {
  return std::ranges::find(list, item) != list.end();
}

}  // namespace

std::string_view name(Decision decision) {
  switch (decision) {
    case Decision::allow:
      return "allow";
    case Decision::review:
      return "review";
    case Decision::deny:
      return "deny";
  }
  return "deny";
}

Decision Policy::decide(int score) const {
  if (score >= deny_score) return Decision::deny;
  return score >= review_score ? Decision::review : Decision::allow;
}

bool Policy::is_watched(const std::string& country) const {
  return contains(watched_countries, country);
}
bool Policy::is_blocked(const std::string& country) const {
  return contains(blocked_countries, country);
}

int64_t rough_euros(const Inquiry& inquiry) {
  auto major = static_cast<double>(inquiry.amount_minor);
  for (int i = 0; i < inquiry.exponent; ++i) major /= 10;
  const auto* worth = std::ranges::find(worths, inquiry.currency, &Worth::currency);
  return static_cast<int64_t>(worth == worths.end() ? major : major / worth->units_per_euro);
}

}  // namespace risk_engine
