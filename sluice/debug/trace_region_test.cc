// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/trace_region.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/debug/execution_trace.h"
#include "sluice/debug/internal/test_trace_file.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::debug {
namespace {

using internal::TraceFile;
using testing::ElementsAre;

TEST(TraceRegion, NestsBelowItsGoroutine) {
  Runtime runtime{{.max_procs = 1}};
  std::string bytes;
  std::string self;
  runtime.block_on([&] {
    set_goroutine_name("worker");
    self = "G" + std::to_string(goroutine_id()) + " worker";
    TraceRegion before("before");
    Result<ExecutionTrace> trace = ExecutionTrace::start();
    ASSERT_TRUE(trace);
    {
      TraceRegion outer("outer");
      yield();
      TraceRegion inner("inner");
      trace_log("a line");
    }
    TraceRegion open("open");
    ASSERT_TRUE(trace->write([&](std::string_view piece) {
      bytes += piece;
      return true;
    }));
  });
  TraceFile file(bytes);
  EXPECT_THAT(file.names_on("regions"), ElementsAre("outer", "inner", "a line", "open"));
  EXPECT_EQ(file.group(file.track("regions")), self);
  for (const TraceFile::Slice& slice : file.slices()) {
    if (file.tracks().at(slice.track).name != "regions") continue;
    EXPECT_EQ(slice.depth, slice.name == "inner" ? 1u : 0u);
  }
}

TEST(TraceRegion, IsNothingWhileNobodyRecordsAndOnAThread) {
  TraceRegion region("nobody");
  trace_log("nobody");
  Runtime runtime{{.max_procs = 1}};
  Result<ExecutionTrace> trace = ExecutionTrace::start();
  ASSERT_TRUE(trace);
  {
    TraceRegion of_a_thread("thread");
  }
  trace_log("of a thread");
  std::string bytes;
  trace->write([&](std::string_view piece) {
    bytes += piece;
    return true;
  });
  TraceFile file(bytes);
  EXPECT_EQ(file.track("regions"), 0u);
  EXPECT_EQ(file.count("sysmon and others", "of a thread", 3), 1u);
}

}  // namespace
}  // namespace sluice::debug
