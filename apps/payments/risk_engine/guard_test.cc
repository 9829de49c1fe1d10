// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/risk_engine/guard.h"

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/chan/unit.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace risk_engine {
namespace {

using namespace std::chrono_literals;
using sluice::Channel;
using sluice::Context;
using sluice::Runtime;
using sluice::Unit;

Inquiry inquiry(int64_t minor, std::string country = "DE") {
  return {.account = "alice", .amount_minor = minor, .currency = "EUR", .country = country};
}

class Agreeing final : public Assessor {
 public:
  sluice::Result<Assessment> assess(const Context&, const Inquiry&) override {
    return Assessment{.decision = Decision::review, .score = 55, .decided_by = "engine"};
  }
};

class Failing final : public Assessor {
 public:
  sluice::Result<Assessment> assess(const Context&, const Inquiry&) override {
    return sluice::Error{sluice::Code::unavailable, "planted"};
  }
};

// Takes no notice of its context: answers only once the test closes `release`.
class Stuck final : public Assessor {
 public:
  sluice::Result<Assessment> assess(const Context&, const Inquiry&) override {
    (void)release.receive();
    return Assessment{.decided_by = "engine"};
  }
  Channel<Unit> release;
};

TEST(Guard, PassesTheAssessorsAnswerOn) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Agreeing assessor;
    Guard guard{assessor, {}, {.deadline = 1h}};
    const Assessment assessment = guard.assess(Context::background(), inquiry(100));
    EXPECT_EQ(assessment.decided_by, "engine");
    EXPECT_EQ(assessment.score, 55);
    EXPECT_EQ(guard.fallbacks(), 0);
  });
}

TEST(Guard, FallsBackWhenTheAssessorFails) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Failing assessor;
    Guard guard{assessor, {}, {.deadline = 1h}};
    EXPECT_EQ(guard.assess(Context::background(), inquiry(100)).decided_by, "fallback");
  });
}

TEST(Guard, FallsBackAtTheDeadlineByTheSimplerRule) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Stuck assessor;
    Guard guard{assessor, {}, {.deadline = 2ms}};
    EXPECT_EQ(guard.assess(Context::background(), inquiry(100)).decision, Decision::allow);
    EXPECT_EQ(guard.assess(Context::background(), inquiry(900'000)).decision, Decision::review);
    const Assessment blocked = guard.assess(Context::background(), inquiry(100, "KP"));
    EXPECT_EQ(blocked.decision, Decision::deny);
    EXPECT_EQ(blocked.decided_by, "fallback");
    EXPECT_EQ(guard.fallbacks(), 3);
    assessor.release.close();
  });
}

TEST(Guard, StopsAskingAnAssessorThatIsTooFarBehind) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Stuck assessor;
    Guard guard{assessor, {}, {.deadline = 1ms, .stragglers_max = 2}};
    (void)guard.assess(Context::background(), inquiry(1));
    (void)guard.assess(Context::background(), inquiry(1));
    EXPECT_EQ(guard.assess(Context::background(), inquiry(1)).decided_by, "fallback");
    EXPECT_EQ(guard.fallbacks(), 3);
    assessor.release.close();
  });
}

class Throwing final : public Assessor {
 public:
  sluice::Result<Assessment> assess(const Context&, const Inquiry&) override {
    throw std::runtime_error{"planted"};
  }
};

TEST(Guard, FallsBackWhenTheAssessorThrows) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Throwing assessor;
    Guard guard{assessor, {}, {.deadline = 1h}};
    EXPECT_EQ(guard.assess(Context::background(), inquiry(100)).decided_by, "fallback");
  });
}

// Many at once are no sign that the assessor is late.
TEST(Guard, AsksForMorePaymentsAtOnceThanMayBeLeftBehind) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Stuck assessor;
    Guard guard{assessor, {}, {.deadline = 1h, .stragglers_max = 2}};
    constexpr int callers = 8;
    Channel<std::string> decided_by{callers};
    for (int i = 0; i < callers; ++i)
      sluice::go(
          [&] { decided_by.send(guard.assess(Context::background(), inquiry(1)).decided_by); });
    for (int i = 0; i < callers; ++i) assessor.release.send(Unit{});  // each has been asked
    for (int i = 0; i < callers; ++i) EXPECT_EQ(*decided_by.receive(), "engine");
    EXPECT_EQ(guard.fallbacks(), 0);
  });
}

TEST(Guard, FallsBackWhenTheCallerEnds) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Stuck assessor;
    Guard guard{assessor, {}, {.deadline = 1h}};
    auto [context, cancel] = sluice::with_cancel(Context::background());
    cancel();
    EXPECT_EQ(guard.assess(context, inquiry(1)).decided_by, "fallback");
    assessor.release.close();
  });
}

}  // namespace
}  // namespace risk_engine
