// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sluice/base/time.h"
#include "sluice/debug/internal/proto_writer.h"
#include "sluice/debug/internal/stack_lines.h"

namespace sluice::debug::internal {

// A profile that `go tool pprof` opens: profile.proto (github.com/google/pprof), gzip. Symbols are
// in it, so that the program is not needed to read it; what is written once is known by its number
// from then on.
class ProfileBuilder {
 public:
  // What a number counts: {"cpu", "nanoseconds"}.
  struct ValueType {
    std::string_view type;
    std::string_view unit;
  };
  // One of a sample's tags: with a text, or else with a number and, where the key does not say it
  // (as "bytes" does), what it counts. With neither it is left out.
  struct Label {
    std::string_view key;
    std::string_view text = {};
    std::optional<int64_t> number = {};
    std::string_view unit = {};
  };

  // Each sample has one value for each of `types`; tools show the last one first.
  explicit ProfileBuilder(std::span<const ValueType> types, Frames frames = Frames::no_scheduler);

  // One sample was taken every `period` of `type`.
  void set_period(ValueType type, int64_t period);
  // What tools show first, if not the last type.
  void set_default_type(std::string_view type);
  // When it began (otherwise: when finish() is called), and for how long it went on.
  void set_time(std::chrono::system_clock::time_point begin, Duration duration);

  // `stack` is of return addresses, innermost first.
  void add(std::span<const uintptr_t> stack, std::span<const int64_t> values,
           std::span<const Label> labels);

  // A sample of no known place, shown as a function of that name: for what was lost.
  void add_function(std::string_view name, std::span<const int64_t> values);
  // For `pprof -comments`.
  void add_comment(std::string_view text);

  // The profile; nothing can be added afterwards.
  std::string finish();

 private:
  // Code that is loaded from one file.
  struct Mapping {
    uint64_t begin = 0;
    uint64_t end = 0;
    uint64_t offset = 0;  // of `begin` in the file
    std::string file;
  };

  static std::vector<Mapping> loaded_code();
  ProtoWriter value_type(ValueType type);
  ProtoWriter tag(const Label& label);
  void write_mappings();
  uint64_t mapping_of(uintptr_t address) const;
  uint64_t string(std::string_view text);
  uint64_t function(const SourceFrame& frame);
  uint64_t location(std::span<const StackLine> lines);
  void add_sample(std::span<const uint64_t> locations, std::span<const int64_t> values,
                  std::span<const Label> labels);

  Frames frames_;
  size_t values_per_sample_;
  std::vector<Mapping> mappings_ = loaded_code();  // the program first; known by index plus one
  std::optional<std::chrono::system_clock::time_point> begin_;
  ProtoWriter profile_;
  std::unordered_map<std::string, uint64_t> strings_{{"", 0}};  // number 0 must be ""
  std::map<std::pair<std::string, std::string>, uint64_t> functions_;
  std::unordered_map<uintptr_t, uint64_t> locations_;
  uint64_t next_location_ = 1;
};

}  // namespace sluice::debug::internal
