// SPDX-License-Identifier: Apache-2.0

#include <cmath>
#include <cstdlib>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/runtime/metrics.h"
#include "sluice/runtime/runtime.h"

namespace sluice {
namespace {

struct Sample {
  std::string name;
  std::string labels;
  double value;
};
struct Family {
  std::string type;
  std::string help;
  std::vector<Sample> samples;
};
using Families = std::map<std::string, Family>;

// A strict reader of the text format as far as it is used: every family is stated once, HELP before
// TYPE before its samples, which are of that family and differ.
Families parse(const std::string& text) {
  static const std::regex help("# HELP ([a-z_]+) ([^\\\\]+)");
  static const std::regex type("# TYPE ([a-z_]+) (counter|gauge|histogram)");
  static const std::regex sample(
      "([a-z_]+)(\\{[a-z]+=\"[^\"\\\\\n]*\"\\})? ([0-9]+(\\.[0-9]+)?(e[+-][0-9]+)?)");
  Families families;
  std::set<std::string> seen;
  std::string current;
  EXPECT_TRUE(text.ends_with("\n"));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, help)) {
      current = match[1];
      EXPECT_TRUE(families.emplace(current, Family{"", match[2], {}}).second) << line;
    } else if (std::regex_match(line, match, type)) {
      EXPECT_EQ(match[1], current);
      EXPECT_EQ(families[current].type, "");
      families[current].type = match[2];
    } else if (std::regex_match(line, match, sample)) {
      EXPECT_TRUE(match[1].str().starts_with(current)) << line;
      EXPECT_NE(families[current].type, "") << line;
      EXPECT_TRUE(seen.insert(match[1].str() + match[2].str()).second) << line;
      families[current].samples.push_back(
          {match[1], match[2], std::strtod(match[3].str().c_str(), nullptr)});
    } else {
      ADD_FAILURE() << "not of the format: " << line;
    }
  }
  return families;
}

double value_of(const Families& families, const std::string& family, const std::string& labels) {
  for (const Sample& sample : families.at(family).samples)
    if (sample.labels == labels && sample.name == family) return sample.value;
  ADD_FAILURE() << family << labels << " is missing";
  return -1;
}

RuntimeMetrics example() {
  RuntimeMetrics metrics;
  metrics.goroutines = 21;
  metrics.goroutines_runnable = 1;
  metrics.goroutines_running = 2;
  metrics.goroutines_without_processor = 3;
  metrics.goroutines_waiting = 15;
  metrics.goroutines_started = 1ull << 60;
  metrics.processors = 2;
  metrics.run_queue_lengths = {7, 8};
  metrics.global_run_queue_length = 9;
  metrics.stacks_in_use = 4;
  metrics.stacks_cached = 5;
  metrics.stack_bytes = 262144;
  metrics.memory = {.limit_bytes = 1 << 30,
                    .used_bytes = 900 << 20,
                    .pressure = MemoryPressure::moderate,
                    .times_moderate = 3,
                    .drain_time = Duration(1'500'000'000),
                    .stacks_trimmed = 12,
                    .requests_shed = 6};
  metrics.scheduling_latency = {
      {{Duration(100), 1}, {Duration(2'000'000), 0}, {Duration(10'000'000'000), 3}},
      2,
      6,
      Duration(30'500'000'000)};
  return metrics;
}

TEST(PrometheusText, IsOfTheFormat) {
  Families families = parse(to_prometheus_text(example()));
  EXPECT_GE(families.size(), 18u);
  for (const auto& [name, family] : families) {
    EXPECT_TRUE(name.starts_with("sluice_")) << name;
    EXPECT_EQ(family.type == "counter", name.ends_with("_total")) << name;
    EXPECT_FALSE(family.samples.empty()) << name;
    if (family.type == "histogram") continue;
    for (const Sample& sample : family.samples) EXPECT_EQ(sample.name, name);
  }
}

TEST(PrometheusText, SaysWhatTheMetricsSay) {
  Families families = parse(to_prometheus_text(example()));
  EXPECT_EQ(value_of(families, "sluice_goroutines", "{state=\"waiting\"}"), 15);
  EXPECT_EQ(value_of(families, "sluice_goroutines", "{state=\"without_processor\"}"), 3);
  EXPECT_EQ(value_of(families, "sluice_run_queue_length", "{queue=\"global\"}"), 9);
  EXPECT_EQ(value_of(families, "sluice_run_queue_length", "{queue=\"1\"}"), 8);
  EXPECT_EQ(value_of(families, "sluice_stacks", "{state=\"in_use\"}"), 4);
  EXPECT_EQ(value_of(families, "sluice_stack_reserved_bytes", "{state=\"cached\"}"), 5 * 262144);
  EXPECT_EQ(value_of(families, "sluice_memory_limit_bytes", ""), 1 << 30);
  EXPECT_EQ(value_of(families, "sluice_memory_pressure", ""), 1);
  EXPECT_EQ(value_of(families, "sluice_memory_pressure_total", "{level=\"moderate\"}"), 3);
  EXPECT_EQ(value_of(families, "sluice_memory_drain_seconds_total", ""), 1.5);
  EXPECT_EQ(value_of(families, "sluice_stacks_released_total", "{for=\"poolgc\"}"), 12);
  EXPECT_EQ(value_of(families, "sluice_requests_shed_total", ""), 6);
  EXPECT_THAT(to_prometheus_text(example()),
              testing::HasSubstr("\nsluice_goroutines_started_total 1152921504606846976\n"));
}

TEST(PrometheusText, NamesNoMemoryLimitWhereThereIsNone) {
  RuntimeMetrics metrics = example();
  metrics.memory.limit_bytes = 0;
  EXPECT_FALSE(parse(to_prometheus_text(metrics)).contains("sluice_memory_limit_bytes"));
}

TEST(PrometheusText, AHistogramIsCumulativeAndInSeconds) {
  Families families = parse(to_prometheus_text(example()));
  const Family& family = families.at("sluice_scheduling_latency_seconds");
  EXPECT_EQ(family.type, "histogram");
  std::string text;
  for (const Sample& sample : family.samples) {
    EXPECT_TRUE(std::isfinite(sample.value));
    std::ostringstream line;
    line << sample.name.substr(std::string("sluice_scheduling_latency_seconds").size())
         << sample.labels << " " << sample.value << "\n";
    text += line.str();
  }
  EXPECT_EQ(text,
            "_bucket{le=\"1e-07\"} 1\n"
            "_bucket{le=\"0.002\"} 1\n"
            "_bucket{le=\"10\"} 4\n"
            "_bucket{le=\"+Inf\"} 6\n"
            "_sum 30.5\n"
            "_count 6\n");
}

TEST(PrometheusText, OfALiveRuntimeIsOfTheFormatToo) {
  Runtime runtime{{.max_procs = 3}};
  Families families;
  runtime.block_on([&] {
    for (int i = 0; i < 1000; ++i) yield();
    families = parse(to_prometheus_text(runtime_metrics()));
  });
  EXPECT_EQ(value_of(families, "sluice_processors", ""), 3);
  EXPECT_EQ(families.at("sluice_run_queue_length").samples.size(), 4u);
  const std::vector<Sample>& latency = families.at("sluice_scheduling_latency_seconds").samples;
  ASSERT_EQ(latency.size(), 28u);
  double before = 0;
  for (size_t i = 0; i + 2 < latency.size(); ++i) {
    EXPECT_GE(latency[i].value, before);
    before = latency[i].value;
  }
  EXPECT_EQ(latency.back().value, before);  // the count is that of +Inf
  EXPECT_GE(before, 1);
}

}  // namespace
}  // namespace sluice
