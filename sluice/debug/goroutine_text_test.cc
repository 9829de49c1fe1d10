// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/goroutine_text.h"

#include <chrono>
#include <cstring>
#include <regex>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/debug/internal/test_waiters.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::debug {

// Where goroutines of these tests wait: named, so that the text can be asked for it.
[[gnu::noinline]] void wait_for_word(const Channel<int>& word) {
  word.receive();
  asm volatile("");
}

[[gnu::noinline]] void start_waiter(const Channel<int>& word) {
  go([word] {
    set_goroutine_name("waiter");
    wait_for_word(word);
  });
  asm volatile("");
}

namespace {

using runtime::Goroutine;
using runtime::GoroutineDump;
using runtime::GoroutineState;
using runtime::StackTrace;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

std::string counts_of(const GoroutineDump& dump) {
  std::string text;
  EXPECT_TRUE(write_stack_counts(dump, [&](std::string_view piece) {
    text += piece;
    return true;
  }));
  return text;
}

std::string stacks_of(const GoroutineDump& dump) {
  std::string text;
  EXPECT_TRUE(write_stacks(dump, [&](std::string_view piece) {
    text += piece;
    return true;
  }));
  return text;
}

// One goroutine that waits, without a stack that could be symbolised.
GoroutineDump one_waiter() {
  GoroutineDump dump;
  Goroutine& goroutine = dump.goroutines.emplace_back();
  goroutine.id = 18;
  goroutine.state = GoroutineState::waiting;
  goroutine.wait_reason = runtime::WaitReason::chan_receive;
  goroutine.trace = StackTrace::complete;
  return dump;
}

TEST(GoroutineText, HeaderHasMinutesFromTheFirstOn) {
  GoroutineDump dump = one_waiter();
  dump.goroutines[0].waiting = std::chrono::seconds(59);
  EXPECT_EQ(stacks_of(dump), "goroutine 18 [chan receive]:\n");
  dump.goroutines[0].waiting = std::chrono::seconds(61);
  EXPECT_EQ(stacks_of(dump), "goroutine 18 [chan receive, 1 minutes]:\n");
  dump.goroutines[0].waiting = std::chrono::minutes(200);
  std::strcpy(dump.goroutines[0].label, "a \"b\"\n");
  EXPECT_EQ(stacks_of(dump),
            "goroutine 18 [chan receive, 200 minutes labels:{\"name\": \"a \\\"b\\\"\\n\"}]:\n");
}

TEST(GoroutineText, WhatIsMissingIsSaid) {
  GoroutineDump dump = one_waiter();
  dump.goroutines[0].state = GoroutineState::running;
  dump.goroutines[0].trace = StackTrace::missing;
  EXPECT_EQ(stacks_of(dump),
            "goroutine 18 [running]:\n\tgoroutine running on other thread; stack unavailable\n");
  dump.goroutines[0].trace = StackTrace::truncated;
  EXPECT_THAT(stacks_of(dump), HasSubstr("\n...additional frames elided...\n"));
}

TEST(GoroutineText, AnUnknownAddressHasAForm) {
  GoroutineDump dump = one_waiter();
  dump.addresses = {0x1234};
  dump.goroutines[0].frames_count = 1;
  dump.goroutines[0].created_by = 0x77;
  EXPECT_EQ(stacks_of(dump),
            "goroutine 18 [chan receive]:\n0x1234(...)\n\t?:0\ncreated by 0x77\n\t?:0\n");
}

TEST(GoroutineText, NobodyIsAnEmptyText) {
  EXPECT_EQ(stacks_of({}), "");
  EXPECT_EQ(counts_of({}), "goroutine profile: total 0\n");
}

// The sink has enough: nobody asks it again.
TEST(GoroutineText, StopsWhenTheSinkDoes) {
  GoroutineDump dump;
  for (int i = 0; i < 10'000; ++i) dump.goroutines.push_back(one_waiter().goroutines[0]);
  int pieces = 0;
  auto sink = [&](std::string_view) {
    ++pieces;
    return false;
  };
  EXPECT_FALSE(write_stacks(dump, sink));
  EXPECT_EQ(pieces, 1);
  EXPECT_FALSE(write_stack_counts(dump, sink));
  EXPECT_EQ(pieces, 2);
}

// The text of one goroutine of the dump: from its header to the blank line.
std::string block_of(const std::string& text, const std::string& mark) {
  size_t at = text.find(mark);
  if (at == std::string::npos) return "";
  size_t begin = text.rfind("\n\n", at);
  begin = begin == std::string::npos ? 0 : begin + 2;
  return text.substr(begin, text.find("\n\n", at) - begin);
}

TEST(GoroutineText, HasTheFormOfGos) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    Channel<int> word;
    start_waiter(word);
    internal::wait_for_waiters(1);
    std::string text = goroutine_stacks();
    std::string self = std::to_string(goroutine_id());
    EXPECT_THAT(text, StartsWith("goroutine " + self + " [running]:\n"));
    std::string waiter = block_of(text, "\"waiter\"");
    EXPECT_THAT(waiter,
                MatchesRegex("goroutine [0-9]+ \\[chan receive labels:.\"name\": \"waiter\".\\]:\n"
                             "(.|\n)*"
                             "sluice::debug::wait_for_word\\(\\.\\.\\.\\)\n"
                             "\t[^\n]*goroutine_text_test.cc:[0-9]+ \\+0x[0-9a-f]+\n"
                             "(.|\n)*"
                             "created by sluice::debug::start_waiter in goroutine [0-9]+\n"
                             "\t[^\n]*goroutine_text_test.cc:[0-9]+ \\+0x[0-9a-f]+\n?"));
    EXPECT_THAT(waiter, HasSubstr("in goroutine " + self + "\n"));
    EXPECT_THAT(waiter, Not(HasSubstr("sluice::runtime::")));
    EXPECT_THAT(waiter, HasSubstr("sluice::internal::ChannelCore::receive(...)\n"));
    word.send(1);
  });
}

// Every line is one of those that Go's tools know.
TEST(GoroutineText, EveryLineHasOneOfGosForms) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    Channel<int> word;
    for (int i = 0; i < 3; ++i) start_waiter(word);
    go([] {});
    std::string text = goroutine_stacks();
    const std::regex form(
        "goroutine \\d+ \\[[^\\]]+\\]:|.+\\(\\.\\.\\.\\)|\\t.+:\\d+( \\+0x[0-9a-f]+)?|"
        "created by .+|");
    for (size_t at = 0; at < text.size();) {
      size_t end = text.find('\n', at);
      std::string line = text.substr(at, end - at);
      EXPECT_TRUE(std::regex_match(line, form)) << line;
      at = end + 1;
    }
    yield();
    for (int i = 0; i < 3; ++i) word.send(1);
  });
}

TEST(GoroutineText, CountsEqualStacks) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    Channel<int> word;
    for (int i = 0; i < 5; ++i) start_waiter(word);
    internal::wait_for_waiters(5);
    std::string text = counts_of(runtime::capture_goroutines());
    EXPECT_THAT(text, MatchesRegex("goroutine profile: total 6\n"
                                   "5 @( 0x[0-9a-f]+)+\n"
                                   "# labels: .\"name\":\"waiter\".\n"
                                   "(#\t0x[0-9a-f]+\t[^\n]+\\+0x[0-9a-f]+\t\t[^\n]+:[0-9]+\n)+"
                                   "\n1 @ (.|\n)*"));
    EXPECT_THAT(text, HasSubstr("sluice::debug::wait_for_word+0x"));
    for (int i = 0; i < 5; ++i) word.send(1);
  });
}

}  // namespace
}  // namespace sluice::debug
