// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/trace_survey.h"

#include <gtest/gtest.h>

namespace sluice::debug::internal {
namespace {

using runtime::Event;
using runtime::EventKind;
using runtime::GoroutineStatus;
using runtime::WaitReason;
using State = TraceSurvey::State;

TEST(TraceSurvey, TellsFromAGoroutinesFirstEventHowItStoodBefore) {
  struct Case {
    EventKind kind;
    State before;
  };
  for (auto [kind, before] :
       {Case{EventKind::created, State::absent}, Case{EventKind::ready, State::waiting},
        Case{EventKind::started, State::runnable}, Case{EventKind::parked, State::running},
        Case{EventKind::yielded, State::running}, Case{EventKind::ended, State::running},
        Case{EventKind::processor_taken, State::running},
        Case{EventKind::processor_started, State::without_p},
        Case{EventKind::requeued, State::without_p}}) {
    TraceSurvey survey;
    survey.add({.kind = kind, .p = 2, .m = 7, .g = 5});
    survey.add({.kind = EventKind::parked, .p = 1, .m = 8, .g = 5});
    const TraceSurvey::Goroutine& goroutine = survey.goroutines().at(5);
    EXPECT_EQ(goroutine.state, before) << static_cast<int>(kind);
    EXPECT_EQ(goroutine.p, before == State::running ? 2 : -1);
  }
}

TEST(TraceSurvey, BelievesAStatusThatComesFirst) {
  uint16_t waits = static_cast<uint16_t>(GoroutineStatus::waiting) |
                   static_cast<uint16_t>(WaitReason::mutex) << 8;
  TraceSurvey survey;
  survey.add({.kind = EventKind::status, .detail = waits, .g = 5, .a = 3});
  survey.add({.kind = EventKind::started, .p = 0, .m = 1, .g = 6});
  survey.add({.kind = EventKind::status, .detail = waits, .g = 6, .a = 4});
  EXPECT_EQ(survey.goroutines().at(5).state, State::waiting);
  EXPECT_EQ(survey.goroutines().at(5).reason, WaitReason::mutex);
  EXPECT_EQ(survey.goroutines().at(5).created_by, 3u);
  EXPECT_EQ(survey.goroutines().at(6).state, State::runnable);
  EXPECT_EQ(survey.goroutines().at(6).reason, WaitReason::none);
  EXPECT_EQ(survey.goroutines().at(6).created_by, 4u);
}

TEST(TraceSurvey, KnowsWhereAGoroutineRunsThatHasNoOtherEvent) {
  uint16_t runs = static_cast<uint16_t>(GoroutineStatus::running);
  TraceSurvey survey;
  survey.add({.kind = EventKind::status, .detail = runs, .p = 2, .m = 1, .g = 5, .turn = 8});
  survey.add({.kind = EventKind::status, .detail = runs, .p = -1, .m = 1, .g = 6, .turn = 9});
  survey.add({.kind = EventKind::status, .detail = runs, .p = -1, .m = 1, .g = 7});
  EXPECT_EQ(survey.goroutines().at(5).state, State::running);
  EXPECT_EQ(survey.goroutines().at(5).p, 2);
  EXPECT_EQ(survey.goroutines().at(5).m, 7u);
  EXPECT_EQ(survey.goroutines().at(6).state, State::without_p);
  EXPECT_EQ(survey.goroutines().at(7).state, State::running);
  EXPECT_EQ(survey.goroutines().at(7).p, -1);
}

TEST(TraceSurvey, KnowsArrowsThatHaveBothEnds) {
  TraceSurvey survey;
  survey.add({.kind = EventKind::ready, .g = 5, .turn = 1});
  survey.add({.kind = EventKind::started, .p = 0, .g = 5, .turn = 1});
  survey.add({.kind = EventKind::created, .g = 6, .turn = 8});
  survey.add({.kind = EventKind::started, .p = 0, .g = 7, .turn = 1});
  survey.finish();
  EXPECT_NE(survey.flow(5, 1), 0u);
  EXPECT_EQ(survey.flow(5, 2), 0u);
  EXPECT_EQ(survey.flow(6, 8), 0u);
  EXPECT_EQ(survey.flow(7, 1), 0u);
}

TEST(TraceSurvey, KnowsWhichProcessorAThreadHad) {
  TraceSurvey survey;
  survey.add({.kind = EventKind::parked, .p = 2, .m = 7, .g = 5});
  survey.add({.kind = EventKind::processor_started, .p = 3, .m = 7, .a = 9});
  survey.add({.kind = EventKind::processor_taken, .p = 1, .g = 6, .a = 8});
  EXPECT_EQ(survey.threads().at(7).p, 2);
  EXPECT_EQ(survey.threads().at(9).p, -1);
  EXPECT_EQ(survey.threads().at(8).p, 1);
  EXPECT_FALSE(survey.threads().contains(Event::no_thread));
}

TEST(TraceSurvey, TheLastNameCountsAndMakesAFamily) {
  TraceSurvey survey;
  survey.add({.kind = EventKind::named, .g = 5, .text = "early"});
  survey.add({.kind = EventKind::named, .g = 5, .text = "late"});
  survey.add({.kind = EventKind::named, .g = 6, .text = "late"});
  survey.add({.kind = EventKind::parked, .g = 7});
  survey.finish();
  EXPECT_EQ(survey.goroutines().at(5).family, survey.goroutines().at(6).family);
  const TraceSurvey::Family& family = survey.families()[survey.goroutines().at(5).family];
  EXPECT_EQ(family.name, "late");
  EXPECT_EQ(family.members, 2u);
  EXPECT_EQ(survey.families()[survey.goroutines().at(7).family].name, "");
}

}  // namespace
}  // namespace sluice::debug::internal
