// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/perfetto_writer.h"

#include <string>

#include <gtest/gtest.h>

#include "sluice/debug/internal/test_trace_file.h"

namespace sluice::debug::internal {
namespace {

template <class Body>
TraceFile written_by(Body body) {
  std::string bytes;
  TextSink sink = [&](std::string_view piece) {
    bytes += piece;
    return true;
  };
  PerfettoWriter writer(sink);
  writer.begin();
  body(writer);
  EXPECT_TRUE(writer.finish());
  return TraceFile(bytes);
}

TEST(PerfettoWriter, DescribesTracksAndPutsEventsOnThem) {
  TraceFile file = written_by([](PerfettoWriter& writer) {
    writer.describe_process(1, 77, "program");
    writer.describe({2, 1, "group", 0, true});
    writer.describe({3, 2, "track"});
    writer.describe_counter({4, 2, "count"});
    writer.slice_begin(3, 100, "work");
    writer.instant(3, 110, "mark");
    writer.value(4, 120, -5);
    writer.slice_end(3, 150);
  });
  constexpr int monotonic = 3;
  EXPECT_EQ(file.clock(), monotonic);
  EXPECT_EQ(file.group(3), "group");
  ASSERT_EQ(file.slices().size(), 1u);
  EXPECT_EQ(file.slices()[0].name, "work");
  EXPECT_EQ(file.slices()[0].begin_ns, 100u);
  EXPECT_EQ(file.slices()[0].end_ns, 150u);
  EXPECT_EQ(file.count("track", "mark", 3), 1u);
  EXPECT_EQ(file.last_value("count"), -5);
}

TEST(PerfettoWriter, GivesEachNameOnceAndKeepsDetails) {
  TraceFile file = written_by([](PerfettoWriter& writer) {
    writer.describe({3, 0, "track"});
    const PerfettoWriter::Annotation first[] = {{"goroutine", 18}, {"processor", 0}};
    writer.instant(3, 1, "ready", {.flow_out = 99, .annotations = first});
    const PerfettoWriter::Annotation second[] = {{"processor", 5}};
    writer.instant(3, 2, "ready", {.flow_in = 99, .annotations = second});
  });
  ASSERT_EQ(file.events().size(), 2u);
  EXPECT_EQ(file.events()[0].name, "ready");
  EXPECT_EQ(file.events()[1].name, "ready");
  EXPECT_EQ(file.events()[0].flows_out, std::vector<uint64_t>{99});
  EXPECT_EQ(file.events()[1].flows_in, std::vector<uint64_t>{99});
  EXPECT_EQ(file.events()[0].numbers.at("goroutine"), 18u);
  EXPECT_EQ(file.events()[1].numbers.at("processor"), 5u);
}

TEST(PerfettoWriter, StopsAtASinkThatTakesNoMore) {
  int pieces = 0;
  TextSink sink = [&](std::string_view) {
    ++pieces;
    return false;
  };
  PerfettoWriter writer(sink);
  writer.begin();
  writer.describe({3, 0, "track"});
  for (uint64_t i = 0; i < 100'000; ++i) writer.instant(3, i, "x");
  EXPECT_TRUE(writer.failed());
  EXPECT_FALSE(writer.finish());
  EXPECT_EQ(pieces, 1);
}

}  // namespace
}  // namespace sluice::debug::internal
