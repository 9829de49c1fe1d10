// SPDX-License-Identifier: Apache-2.0

#include "sluice/context/pipeline.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/runtime/runtime.h"

namespace sluice {
namespace {

// Runs `fn` at 1, 2 and 4 processors and then waits for the goroutines that it left: a block that
// leaves one behind for good never ends the test.
template <class Fn>
void leaving_nobody_behind(Fn fn) {
  for (int processors : {1, 2, 4}) {
    Runtime runtime{{.max_procs = processors}};
    runtime.block_on([&] {
      size_t before = num_goroutines();
      fn();
      while (num_goroutines() > before) yield();
    });
  }
}

std::vector<int> numbers(int n) {
  std::vector<int> values(static_cast<size_t>(n));
  std::iota(values.begin(), values.end(), 0);
  return values;
}

template <class T>
std::vector<T> drain(const ReceiveChannel<T>& channel) {
  std::vector<T> values;
  for (T& value : channel) values.push_back(std::move(value));
  return values;
}

TEST(Pipeline, SourceGivesTheRangeInOrder) {
  leaving_nobody_behind(
      [] { EXPECT_EQ(drain(source(Context::background(), numbers(100))), numbers(100)); });
}

TEST(Pipeline, SourceOfNothingCloses) {
  leaving_nobody_behind(
      [] { EXPECT_TRUE(drain(source(Context::background(), numbers(0))).empty()); });
}

TEST(Pipeline, StageTransformsInOrderWithOneWorker) {
  leaving_nobody_behind([] {
    Context context;
    auto words = stage(context, source(context, numbers(50)),
                       [](int value) { return std::to_string(value); });
    std::vector<std::string> got = drain(words);
    ASSERT_EQ(got.size(), 50u);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(got[size_t(i)], std::to_string(i));
  });
}

TEST(Pipeline, StageOfManyWorkersLosesNothing) {
  leaving_nobody_behind([] {
    Context context;
    auto squares = stage(context, source(context, numbers(1000)),
                         [](int value) { return value * 2; }, {.workers = 5, .capacity = 3});
    std::vector<int> got = drain(squares);
    std::ranges::sort(got);
    ASSERT_EQ(got.size(), 1000u);
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(got[size_t(i)], 2 * i);
  });
}

TEST(Pipeline, StageDropsWhatItsFunctionDeclines) {
  leaving_nobody_behind([] {
    Context context;
    auto even = stage(context, source(context, numbers(10)), [](int value) {
      return value % 2 == 0 ? std::optional(value) : std::nullopt;
    });
    EXPECT_EQ(drain(even), (std::vector{0, 2, 4, 6, 8}));
  });
}

TEST(Pipeline, StageTakesMoveOnlyFunctionsAndValues) {
  leaving_nobody_behind([] {
    Context context;
    Channel<std::unique_ptr<int>> in{2};
    in.send(std::make_unique<int>(1));
    in.send(std::make_unique<int>(2));
    in.close();
    auto out = stage(context, in, [plus = std::make_unique<int>(10)](std::unique_ptr<int> value) {
      *value += *plus;
      return value;
    });
    EXPECT_EQ(**out.receive(), 11);
    EXPECT_EQ(**out.receive(), 12);
    EXPECT_FALSE(out.receive().has_value());
  });
}

TEST(Pipeline, MergeGivesEveryValueOfEveryInput) {
  leaving_nobody_behind([] {
    Context context;
    std::vector<ReceiveChannel<int>> inputs;
    for (int i = 0; i < 7; ++i) inputs.push_back(source(context, numbers(100)));
    std::vector<int> got = drain(merge(context, std::move(inputs)));
    EXPECT_EQ(got.size(), 700u);
    EXPECT_EQ(std::accumulate(got.begin(), got.end(), 0), 7 * 4950);
  });
}

TEST(Pipeline, MergeOfNothingCloses) {
  leaving_nobody_behind(
      [] { EXPECT_FALSE(merge<int>(Context::background(), {}).receive().has_value()); });
}

TEST(Pipeline, FanInKeepsEachInputsOrder) {
  leaving_nobody_behind([] {
    Context context;
    auto odd = stage(context, source(context, numbers(100)), [](int v) { return 2 * v + 1; });
    auto even = stage(context, source(context, numbers(100)), [](int v) { return 2 * v; });
    int last[2] = {-1, -1};
    for (int value : fan_in(context, odd, even)) {
      EXPECT_GT(value, last[value % 2]);
      last[value % 2] = value;
    }
    EXPECT_EQ(last[0], 198);
    EXPECT_EQ(last[1], 199);
  });
}

TEST(Pipeline, FanOutGivesEachValueToOneReader) {
  leaving_nobody_behind([] {
    Context context;
    auto ways = fan_out(context, source(context, numbers(1000)), 4);
    std::vector<int> got = drain(merge(context, ways));
    std::ranges::sort(got);
    EXPECT_EQ(got, numbers(1000));
  });
}

TEST(Pipeline, FanOutIsNotHeldUpByAReaderThatDoesNotRead) {
  leaving_nobody_behind([] {
    auto [context, cancel] = with_cancel(Context::background());
    auto ways = fan_out(context, source(context, numbers(10)), 2);
    // The forwarder of way 0 may hold one value, as nobody reads it.
    size_t got = 0;
    while (got < 9) {
      ways[1].receive();
      ++got;
    }
    EXPECT_EQ(got, 9u);
  });
}

TEST(Pipeline, SendUntilGivesUpWithTheContext) {
  leaving_nobody_behind([] {
    auto [context, cancel] = with_cancel(Context::background());
    Channel<int> full, started{1};
    Channel<bool> sent;
    go([context = context, full, sent] { sent.send(send_until(context, full.send_only(), 1)); });
    cancel();
    EXPECT_EQ(sent.receive(), false);
    Channel<int> room{1};
    EXPECT_FALSE(send_until(context, room.send_only(), 1));
  });
}

// After `reads` values the reader turns away and cancels: whatever each goroutine waits for at that
// moment, none stays.
TEST(Pipeline, CancelAfterAnyNumberOfValuesEndsEveryGoroutine) {
  leaving_nobody_behind([] {
    for (int reads = 0; reads < 12; ++reads) {
      auto [context, cancel] = with_cancel(Context::background());
      auto dealt = fan_out(context, source(context, numbers(1'000'000)), 3);
      std::vector<ReceiveChannel<int>> stages;
      for (auto& way : dealt)
        stages.push_back(stage(context, way, [](int value) { return value + 1; },
                               {.workers = 2, .capacity = 1}));
      auto merged = merge(context, stages);
      for (int i = 0; i < reads; ++i) {
        EXPECT_TRUE(merged.receive().has_value());
      }
    }
  });
}

TEST(Pipeline, OutputsCloseWhenTheContextEnds) {
  leaving_nobody_behind([] {
    auto [context, cancel] = with_cancel(Context::background());
    Channel<int> never;
    auto out = stage(context, never, [](int value) { return value; }, {.workers = 3});
    cancel();
    EXPECT_FALSE(out.receive().has_value());
  });
}

// Who sees the output closed may take away what the function refers to.
TEST(Pipeline, FunctionIsGoneBeforeTheOutputCloses) {
  leaving_nobody_behind([] {
    Context context;
    Channel<int> input;
    Channel<bool> closed_before{1};
    ReceiveChannel<int> output = ReceiveChannel<int>::nil();
    auto look = [&output, closed_before](int* held) {
      delete held;
      bool closed = false;
      select(on_receive(output, [&] { closed = true; }), on_default());
      closed_before.send(closed);
    };
    output = stage(context, input,
                   [held = std::shared_ptr<int>(new int, look)](int value) { return value; });
    input.close();
    EXPECT_EQ(closed_before.receive(), false);
    EXPECT_FALSE(output.receive());
  });
}

TEST(Pipeline, ChannelUntilEndsWithARealContext) {
  leaving_nobody_behind([] {
    auto [context, cancel] = with_cancel(Context::background());
    Channel<int> jobs{3};
    for (int i = 0; i < 3; ++i) jobs.send(i);
    int handled = 0;
    for (int job : jobs.until(context)) {
      ++handled;
      if (job == 1) cancel();
    }
    EXPECT_EQ(handled, 2);
  });
}

}  // namespace
}  // namespace sluice
