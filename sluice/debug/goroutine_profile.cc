// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/goroutine_profile.h"

#include <unistd.h>

#include <map>
#include <tuple>
#include <unordered_map>
#include <vector>

#include <zlib.h>

#include "sluice/base/assert.h"
#include "sluice/base/time.h"
#include "sluice/debug/internal/proto_writer.h"
#include "sluice/debug/internal/stack_groups.h"
#include "sluice/debug/internal/stack_lines.h"

// Where the linker put the program.
extern "C" const char __executable_start[], end[];

namespace sluice::debug {

namespace {

using internal::ProtoWriter;
using internal::StackLine;

// Field numbers of profile.proto.
struct ProfileField {
  static constexpr int sample_type = 1, sample = 2, mapping = 3, location = 4, function = 5,
                       string_table = 6, time_nanos = 9, period_type = 11, period = 12;
};
struct ValueTypeField {
  static constexpr int type = 1, unit = 2;
};
struct SampleField {
  static constexpr int location_id = 1, value = 2, label = 3;
};
struct LabelField {
  static constexpr int key = 1, str = 2;
};
struct MappingField {
  static constexpr int id = 1, memory_start = 2, memory_limit = 3, filename = 5, has_functions = 7,
                       has_filenames = 8, has_line_numbers = 9, has_inline_frames = 10;
};
struct LocationField {
  static constexpr int id = 1, mapping_id = 2, address = 3, line = 4;
};
struct LineField {
  static constexpr int function_id = 1, line = 2;
};
struct FunctionField {
  static constexpr int id = 1, name = 2, system_name = 3, filename = 4;
};

constexpr uint64_t program_mapping = 1;

uint64_t program_begin() { return reinterpret_cast<uint64_t>(__executable_start); }
uint64_t program_end() { return reinterpret_cast<uint64_t>(end); }

std::string program_path() {
  char path[4096];
  ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  return length > 0 ? std::string(path, static_cast<size_t>(length)) : std::string();
}

// Tables of a profile: each entry once, known by its number.
class ProfileBuilder {
 public:
  ProfileBuilder() { string(""); }  // number 0 must be ""

  void add(std::span<const uintptr_t> stack, uint64_t count, std::string_view label,
           std::string_view state) {
    std::vector<uint64_t> locations;
    std::vector<StackLine> lines = internal::lines_of(stack);
    for (size_t first = 0; first < lines.size();) {
      size_t last = first;
      while (last < lines.size() && lines[last].address == lines[first].address) ++last;
      locations.push_back(location(std::span(lines).subspan(first, last - first)));
      first = last;
    }
    ProtoWriter sample;
    sample.numbers(SampleField::location_id, locations);
    sample.numbers(SampleField::value, {&count, 1});
    if (!label.empty()) sample.message(SampleField::label, tag("name", label));
    sample.message(SampleField::label, tag("state", state));
    profile_.message(ProfileField::sample, sample);
  }

  std::string finish() {
    ProtoWriter type;
    type.number(ValueTypeField::type, string("goroutine"));
    type.number(ValueTypeField::unit, string("count"));
    profile_.message(ProfileField::sample_type, type);
    profile_.message(ProfileField::period_type, type);
    profile_.number(ProfileField::period, 1);
    profile_.number(
        ProfileField::time_nanos,
        static_cast<uint64_t>(std::chrono::nanoseconds(wall().time_since_epoch()).count()));
    profile_.message(ProfileField::mapping, mapping());
    std::vector<const std::string*> in_order(strings_.size());
    for (const auto& [text, index] : strings_) in_order[index] = &text;
    for (const std::string* text : in_order) profile_.bytes(ProfileField::string_table, *text);
    return profile_.text();
  }

 private:
  uint64_t string(std::string_view text) {
    return strings_.try_emplace(std::string(text), strings_.size()).first->second;
  }

  ProtoWriter tag(std::string_view key, std::string_view value) {
    ProtoWriter label;
    label.number(LabelField::key, string(key));
    label.number(LabelField::str, string(value));
    return label;
  }

  ProtoWriter mapping() {
    ProtoWriter mapping;
    mapping.number(MappingField::id, program_mapping);
    mapping.number(MappingField::memory_start, program_begin());
    mapping.number(MappingField::memory_limit, program_end());
    mapping.number(MappingField::filename, string(program_path()));
    for (int has : {MappingField::has_functions, MappingField::has_filenames,
                    MappingField::has_line_numbers, MappingField::has_inline_frames})
      mapping.number(has, 1);
    return mapping;
  }

  uint64_t function(const SourceFrame& frame) {
    auto [at, fresh] = functions_.try_emplace({frame.function, frame.file}, functions_.size() + 1);
    if (fresh) {
      ProtoWriter function;
      function.number(FunctionField::id, at->second);
      function.number(FunctionField::name, string(frame.function));
      function.number(FunctionField::system_name, string(frame.function));
      function.number(FunctionField::filename, string(frame.file));
      profile_.message(ProfileField::function, function);
    }
    return at->second;
  }

  // `lines` are those of one address.
  uint64_t location(std::span<const StackLine> lines) {
    uintptr_t address = lines.front().address - 1;
    auto [at, fresh] = locations_.try_emplace(address, locations_.size() + 1);
    if (fresh) {
      ProtoWriter location;
      location.number(LocationField::id, at->second);
      if (address >= program_begin() && address < program_end())
        location.number(LocationField::mapping_id, program_mapping);
      location.number(LocationField::address, address);
      for (const StackLine& each : lines) {
        ProtoWriter line;
        line.number(LineField::function_id, function(*each.frame));
        line.number(LineField::line, static_cast<uint64_t>(each.frame->line));
        location.message(LocationField::line, line);
      }
      profile_.message(ProfileField::location, location);
    }
    return at->second;
  }

  ProtoWriter profile_;
  std::unordered_map<std::string, uint64_t> strings_;
  std::map<std::tuple<std::string, std::string>, uint64_t> functions_;
  std::unordered_map<uintptr_t, uint64_t> locations_;
};

std::string gzip(std::string_view data) {
  z_stream stream = {};
  constexpr int gzip_window = 15 + 16;
  int begun = ::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_window, 8,
                             Z_DEFAULT_STRATEGY);
  SLUICE_ASSERT(begun == Z_OK, "zlib: out of memory");
  std::string out(::deflateBound(&stream, data.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  int ended = ::deflate(&stream, Z_FINISH);
  SLUICE_ASSERT(ended == Z_STREAM_END, "zlib: the output is larger than its bound");
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

}  // namespace

std::string goroutine_profile(const runtime::GoroutineDump& dump) {
  ProfileBuilder builder;
  for (const internal::StackGroup& group : internal::group_stacks(dump, true))
    builder.add(internal::stack_of(dump, *group.first), group.count, group.first->label,
                internal::state_text(*group.first));
  return gzip(builder.finish());
}

}  // namespace sluice::debug
