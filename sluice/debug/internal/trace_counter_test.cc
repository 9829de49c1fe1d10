// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/trace_counter.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/debug/internal/test_trace_file.h"

namespace sluice::debug::internal {
namespace {

using testing::ElementsAre;
using testing::Pair;

using Points = std::vector<std::pair<uint64_t, int64_t>>;

template <class Body>
Points points(uint64_t spacing_ns, Body body) {
  std::string bytes;
  TextSink sink = [&](std::string_view piece) {
    bytes += piece;
    return true;
  };
  PerfettoWriter writer(sink);
  writer.begin();
  writer.describe_counter({.uuid = 9, .name = "count"});
  TraceCounter counter(writer, 9, spacing_ns);
  body(counter);
  counter.finish();
  writer.finish();
  Points points;
  TraceFile file(bytes);
  for (const TraceFile::Event& event : file.events())
    points.emplace_back(event.time_ns, event.value);
  return points;
}

TEST(TraceCounter, WritesEachChangeThatHasRoom) {
  EXPECT_THAT(points(10,
                     [](TraceCounter& counter) {
                       counter.set(100, 1);
                       counter.add(110, 2);
                     }),
              ElementsAre(Pair(100, 1), Pair(110, 3)));
}

// Of those that come too soon the last is written, when the next has room or at the end.
TEST(TraceCounter, LeavesOutWhatCannotBeSeen) {
  EXPECT_THAT(points(10,
                     [](TraceCounter& counter) {
                       counter.set(100, 1);
                       counter.set(101, 2);
                       counter.set(102, 3);
                       counter.set(120, 4);
                       counter.set(121, 5);
                     }),
              ElementsAre(Pair(100, 1), Pair(102, 3), Pair(120, 4), Pair(121, 5)));
}

}  // namespace
}  // namespace sluice::debug::internal
