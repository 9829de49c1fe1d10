// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/execution_trace.h"

#include <atomic>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/base/assert.h"
#include "sluice/chan/channel.h"
#include "sluice/debug/internal/test_trace_file.h"
#include "sluice/debug/internal/test_waiters.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::debug {
namespace {

using internal::TraceFile;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string bytes_of(ExecutionTrace& trace) {
  std::string file;
  EXPECT_TRUE(trace.write([&](std::string_view piece) {
    file += piece;
    return true;
  }));
  return file;
}

template <class Body>
TraceFile trace_while(Body body) {
  Result<ExecutionTrace> trace = ExecutionTrace::start();
  SLUICE_ASSERT(trace.has_value(), "a test of the trace cannot start one");
  body();
  trace->stop();
  EXPECT_EQ(trace->lost(), 0u);
  return TraceFile(bytes_of(*trace));
}

// A processor runs one goroutine at a time, and each goroutine and thread is in one state.
void expect_no_overlap(const TraceFile& file) {
  std::map<uint64_t, uint64_t> busy_until;
  for (const TraceFile::Slice& slice : file.slices()) {
    if (file.tracks().at(slice.track).name == "regions") continue;
    EXPECT_EQ(slice.depth, 0u) << slice.name << " on " << file.tracks().at(slice.track).name;
    EXPECT_GE(slice.begin_ns, busy_until[slice.track]);
    EXPECT_GE(slice.end_ns, slice.begin_ns);
    busy_until[slice.track] = slice.end_ns;
  }
}

size_t slices_in(const TraceFile& file, std::string_view group, std::string_view prefix) {
  return static_cast<size_t>(std::ranges::count_if(file.slices(), [&](const auto& slice) {
    return file.is_below(slice.track, group) && slice.name.starts_with(prefix);
  }));
}

TEST(ExecutionTrace, CountsTheGoroutinesThatItsProgramStarted) {
  constexpr int n = 200;
  for (int procs : {1, 4}) {
    Runtime runtime{{.max_procs = procs}};
    runtime.block_on([&] {
      set_goroutine_name("starter");
      std::string self = "G" + std::to_string(goroutine_id()) + " starter";
      TraceFile file = trace_while([&] {
        Channel<Unit> done(n);
        for (int i = 0; i < n; ++i) {
          go([done] {
            set_goroutine_name("child");
            done.send({});
          });
        }
        for (int i = 0; i < n; ++i) done.receive();
      });
      expect_no_overlap(file);
      size_t started = 0;
      size_t children = 0;
      for (const TraceFile::Event& event : file.events()) {
        bool starts = event.name.starts_with("go G");
        started += starts;
        if (!starts) continue;
        EXPECT_EQ(file.tracks().at(event.track).name, self);
        EXPECT_EQ(event.flows_out.size(), 1u);
      }
      for (const auto& [uuid, track] : file.tracks()) children += track.name.ends_with(" child");
      EXPECT_EQ(started, n);
      EXPECT_EQ(children, n);
      EXPECT_NE(file.track("child (200)"), 0u);
      EXPECT_GE(slices_in(file, "Processors", "G"), n);
      EXPECT_GE(file.last_value("goroutines"), 1);
      EXPECT_LE(file.last_value("goroutines"), 1 + n);
    });
  }
}

// An item of an unbuffered channel passes when one of the two waits for the other: exactly one of
// them is made ready for each.
TEST(ExecutionTrace, CountsTheHandOversOfAChannel) {
  constexpr int items = 300;
  for (int procs : {1, 4}) {
    Runtime runtime{{.max_procs = procs}};
    runtime.block_on([&] {
      TraceFile file = trace_while([&] {
        Channel<int> channel;
        Channel<Unit> done(1);
        go([=] {
          set_goroutine_name("receiver");
          for (int i = 0; i < items; ++i) EXPECT_EQ(channel.receive(), i);
          done.send({});
        });
        Channel<Unit> sent(1);
        go([=] {
          set_goroutine_name("sender");
          for (int i = 0; i < items; ++i) channel.send(i);
          sent.send({});
        });
        done.receive();
        sent.receive();
      });
      expect_no_overlap(file);
      size_t readied = 0;
      for (const TraceFile::Event& event : file.events()) {
        if (!event.name.starts_with("ready G")) continue;
        bool to_receiver = event.name.ends_with(" receiver");
        if (!to_receiver && !event.name.ends_with(" sender")) continue;
        ++readied;
        EXPECT_THAT(file.tracks().at(event.track).name,
                    HasSubstr(to_receiver ? " sender" : " receiver"));
        EXPECT_EQ(event.flows_out.size(), 1u);
      }
      EXPECT_EQ(readied, items);
      size_t waits = slices_in(file, "Goroutines", "chan send");
      for (const TraceFile::Slice& slice : file.slices())
        waits += slice.name == "chan receive" &&
                 file.tracks().at(slice.track).name.ends_with(" receiver");
      // Who was made ready before it had parked did not wait.
      EXPECT_LE(waits, items);
    });
  }
}

TEST(ExecutionTrace, ShowsWhatGoroutinesWaitForThatDoNothing) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([&] {
    Channel<int> never;
    go([=] {
      set_goroutine_name("waiter");
      never.receive();
    });
    internal::wait_for_waiters(1);
    TraceFile file = trace_while([] {});
    bool found = false;
    for (const TraceFile::Slice& slice : file.slices()) {
      if (!file.tracks().at(slice.track).name.ends_with(" waiter")) continue;
      found = true;
      EXPECT_EQ(slice.name, "chan receive");
      EXPECT_GT(slice.end_ns, slice.begin_ns);
    }
    EXPECT_TRUE(found);
    never.send(1);
  });
}

TEST(ExecutionTrace, ShowsABlockingCallWithoutItsProcessor) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([&] {
    set_goroutine_name("blocker");
    std::string self = "G" + std::to_string(goroutine_id()) + " blocker";
    TraceFile file = trace_while([&] {
      std::atomic<bool> ran{false};
      go([&] { ran.store(true); });
      blocking([&] {
        while (!ran.load()) std::this_thread::yield();
      });
    });
    expect_no_overlap(file);
    EXPECT_THAT(file.names_on(self), Contains("no processor: blocking()"));
    EXPECT_GE(slices_in(file, "Threads", self + ", no processor"), 1u);
    EXPECT_GE(slices_in(file, "Processors", self), 1u);
  });
}

TEST(ExecutionTrace, NamesGoroutinesWithoutALabelByWhoStartedThem) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([&] {
    TraceFile file = trace_while([&] {
      Channel<Unit> done;
      go([=] { done.send({}); });
      done.receive();
    });
    std::vector<std::string> names;
    for (const auto& [uuid, track] : file.tracks()) names.push_back(track.name);
    EXPECT_THAT(names, Contains(HasSubstr("TestBody")));
  });
}

TEST(ExecutionTrace, IsSoundUnderLoadAndWhenItIsFull) {
  Runtime runtime{{.max_procs = 4}};
  runtime.block_on([&] {
    Result<ExecutionTrace> trace = ExecutionTrace::start(1);
    ASSERT_TRUE(trace);
    Channel<Unit> done(8);
    for (int i = 0; i < 8; ++i) {
      go([&] {
        while (!trace->is_full()) {
          Channel<int> channel;
          go([=] { channel.send(1); });
          channel.receive();
          blocking([] {});
        }
        done.send({});
      });
    }
    trace->wait(Context::background(), std::chrono::hours(1));  // until it is full
    for (int i = 0; i < 8; ++i) done.receive();
    TraceFile file(bytes_of(*trace));
    EXPECT_GT(trace->lost(), 0u);
    expect_no_overlap(file);
    EXPECT_GT(slices_in(file, "Goroutines", "running"), 1000u);
  });
}

TEST(ExecutionTrace, EndsWithTheContext) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([&] {
    Result<ExecutionTrace> trace = ExecutionTrace::start();
    ASSERT_TRUE(trace);
    CancellableContext scope = with_cancel(Context::background());
    scope.cancel();
    trace->wait(scope.context, std::chrono::hours(1));
    EXPECT_FALSE(TraceFile(bytes_of(*trace)).events().empty());
  });
}

TEST(ExecutionTrace, StopsWritingWhenTheSinkIsFull) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([&] {
    Result<ExecutionTrace> trace = ExecutionTrace::start();
    ASSERT_TRUE(trace);
    for (int i = 0; i < 20'000; ++i) yield();
    int pieces = 0;
    EXPECT_FALSE(trace->write([&](std::string_view) { return ++pieces < 2; }));
    EXPECT_EQ(pieces, 2);
  });
}

TEST(ExecutionTrace, ThereIsOneAtATime) {
  Runtime runtime{{.max_procs = 1}};
  Result<ExecutionTrace> first = ExecutionTrace::start();
  ASSERT_TRUE(first);
  Result<ExecutionTrace> second = ExecutionTrace::start();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Code::already_exists);
}

}  // namespace
}  // namespace sluice::debug
