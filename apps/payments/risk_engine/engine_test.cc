// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/risk_engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace risk_engine {
namespace {

using namespace std::chrono_literals;
using sluice::Context;
using testing::ElementsAre;

Inquiry coffee() {
  return {.account = "alice", .amount_minor = 350, .currency = "EUR", .country = "DE"};
}

TEST(Engine, AllowsTheOrdinary) {
  Engine engine{{}};
  const Assessment assessment = engine.assess(Context::background(), coffee()).value();
  EXPECT_EQ(assessment.decision, Decision::allow);
  EXPECT_EQ(assessment.score, 0);
  EXPECT_EQ(assessment.decided_by, "engine");
}

TEST(Engine, JudgesAmountsByTheCurrencysWorth) {
  struct Case {
    int64_t minor;
    const char* currency;
    int exponent;
    Decision decision;
  };
  Engine engine{{}};
  for (const Case& c : {Case{250'000, "EUR", 2, Decision::review},
                        {250'000, "JPY", 0, Decision::allow},
                        {3'000'000, "EUR", 2, Decision::deny},
                        {1'000'000, "BHD", 3, Decision::review},
                        {1'000'000, "KRW", 0, Decision::allow}}) {
    Inquiry inquiry = coffee();
    inquiry.amount_minor = c.minor;
    inquiry.currency = c.currency;
    inquiry.exponent = c.exponent;
    EXPECT_EQ(engine.assess(Context::background(), inquiry)->decision, c.decision)
        << c.minor << " " << c.currency;
  }
}

TEST(Engine, DeniesBlockedAndScoresWatchedCountries) {
  Engine engine{{}};
  Inquiry inquiry = coffee();
  inquiry.country = "KP";
  const Assessment blocked = engine.assess(Context::background(), inquiry).value();
  EXPECT_EQ(blocked.decision, Decision::deny);
  EXPECT_THAT(blocked.rules, ElementsAre("country_blocked"));
  inquiry.country = "VE";
  EXPECT_EQ(engine.assess(Context::background(), inquiry)->score, 30);
}

TEST(Engine, NoticesAnAccountThatPaysTooOften) {
  Engine engine{{.velocity_review = 3, .velocity_deny = 6, .velocity_window = 24h * 365 * 200}};
  std::vector<Decision> decisions;
  for (int i = 0; i < 8; ++i)
    decisions.push_back(engine.assess(Context::background(), coffee())->decision);
  EXPECT_THAT(decisions,
              ElementsAre(Decision::allow, Decision::allow, Decision::allow, Decision::review,
                          Decision::review, Decision::review, Decision::deny, Decision::deny));
  Inquiry other = coffee();
  other.account = "bob";
  EXPECT_EQ(engine.assess(Context::background(), other)->decision, Decision::allow);
}

TEST(Engine, DoesNotAnswerAfterTheContextEnded) {
  Engine engine{{}};
  auto [context, cancel] = sluice::with_cancel(Context::background());
  cancel();
  EXPECT_EQ(engine.assess(context, coffee()).error().code(), sluice::Code::cancelled);
}

TEST(Velocity, SlidesOverTheWindowBefore) {
  Velocity velocity{10s};
  const sluice::Instant start{1000s};
  for (int i = 1; i <= 10; ++i) EXPECT_EQ(velocity.count("a", start), i);
  EXPECT_EQ(velocity.count("a", start + 10s), 11);  // the whole window before still counts
  EXPECT_EQ(velocity.count("a", start + 15s), 2 + 5);
  EXPECT_EQ(velocity.count("a", start + 100s), 1);
}

TEST(Velocity, ForgetsAccountsNotSeenForTwoWindows) {
  Velocity velocity{10s};
  const sluice::Instant start{1000s};
  for (int i = 0; i < 1000; ++i) velocity.count("old" + std::to_string(i), start);
  EXPECT_EQ(velocity.size(), 1000u);
  for (int i = 0; i < 1000; ++i) velocity.count("new" + std::to_string(i), start + 30s);
  EXPECT_EQ(velocity.size(), 1000u);
}

}  // namespace
}  // namespace risk_engine
