// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/profile_builder.h"

#include <link.h>
#include <unistd.h>

#include <algorithm>

#include "sluice/base/assert.h"
#include "sluice/debug/internal/gzip.h"

namespace sluice::debug::internal {

namespace {

// Field numbers of profile.proto.
struct ProfileField {
  static constexpr int sample_type = 1, sample = 2, mapping = 3, location = 4, function = 5,
                       string_table = 6, time_nanos = 9, duration_nanos = 10, period_type = 11,
                       period = 12, comment = 13, default_sample_type = 14;
};
struct ValueTypeField {
  static constexpr int type = 1, unit = 2;
};
struct SampleField {
  static constexpr int location_id = 1, value = 2, label = 3;
};
struct LabelField {
  static constexpr int key = 1, str = 2, num = 3, num_unit = 4;
};
struct MappingField {
  static constexpr int id = 1, memory_start = 2, memory_limit = 3, file_offset = 4, filename = 5,
                       has_functions = 7, has_filenames = 8, has_line_numbers = 9,
                       has_inline_frames = 10;
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

std::string program_path() {
  char path[4096];
  ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  return length > 0 ? std::string(path, static_cast<size_t>(length)) : std::string();
}

// Tools leave out what is in parentheses, as arguments: "ns::::function" would remain.
std::string name_for_tools(std::string name) {
  constexpr std::string_view before = "(anonymous namespace)", after = "{anonymous}";
  for (size_t at = 0; (at = name.find(before, at)) != std::string::npos; at += after.size())
    name.replace(at, before.size(), after);
  return name;
}

std::string file_name(const char* loaders_name, bool is_program) {
  if (is_program) return program_path();
  std::string_view name = loaders_name;
  return std::string(name.starts_with("linux-vdso") ? "[vdso]" : name);  // as the kernel calls it
}

uint64_t nanoseconds(Duration duration) {
  return static_cast<uint64_t>(std::chrono::nanoseconds(duration).count());
}

}  // namespace

ProfileBuilder::ProfileBuilder(std::span<const ValueType> types, Frames frames)
    : frames_(frames), values_per_sample_(types.size()) {
  for (ValueType type : types) profile_.message(ProfileField::sample_type, value_type(type));
}

void ProfileBuilder::set_period(ValueType type, int64_t period) {
  profile_.message(ProfileField::period_type, value_type(type));
  profile_.number(ProfileField::period, static_cast<uint64_t>(period));
}

void ProfileBuilder::set_default_type(std::string_view type) {
  profile_.number(ProfileField::default_sample_type, string(type));
}

void ProfileBuilder::set_time(std::chrono::system_clock::time_point begin, Duration duration) {
  begin_ = begin;
  profile_.number(ProfileField::duration_nanos, nanoseconds(duration));
}

void ProfileBuilder::add(std::span<const uintptr_t> stack, std::span<const int64_t> values,
                         std::span<const Label> labels) {
  std::vector<uint64_t> locations;
  std::vector<StackLine> lines = lines_of(stack, frames_);
  for (size_t first = 0; first < lines.size();) {
    size_t last = first;
    while (last < lines.size() && lines[last].address == lines[first].address) ++last;
    locations.push_back(location(std::span(lines).subspan(first, last - first)));
    first = last;
  }
  add_sample(locations, values, labels);
}

void ProfileBuilder::add_function(std::string_view name, std::span<const int64_t> values) {
  ProtoWriter line;
  line.number(LineField::function_id, function({.function = std::string(name), .file = ""}));
  ProtoWriter location;
  uint64_t id = next_location_++;
  location.number(LocationField::id, id);
  location.message(LocationField::line, line);
  profile_.message(ProfileField::location, location);
  add_sample({&id, 1}, values, {});
}

void ProfileBuilder::add_comment(std::string_view text) {
  profile_.number(ProfileField::comment, string(text));
}

void ProfileBuilder::add_sample(std::span<const uint64_t> locations,
                                std::span<const int64_t> values, std::span<const Label> labels) {
  SLUICE_ASSERT(values.size() == values_per_sample_, "a sample has a value for each type");
  ProtoWriter sample;
  sample.numbers(SampleField::location_id, locations);
  std::vector<uint64_t> numbers(values.begin(), values.end());
  sample.numbers(SampleField::value, numbers);
  for (const Label& label : labels)
    if (!label.text.empty() || label.number) sample.message(SampleField::label, tag(label));
  profile_.message(ProfileField::sample, sample);
}

std::string ProfileBuilder::finish() {
  profile_.number(ProfileField::time_nanos,
                  nanoseconds(begin_.value_or(wall()).time_since_epoch()));
  write_mappings();
  std::vector<const std::string*> in_order(strings_.size());
  for (const auto& [text, index] : strings_) in_order[index] = &text;
  for (const std::string* text : in_order) profile_.bytes(ProfileField::string_table, *text);
  return gzip(profile_.text());
}

std::vector<ProfileBuilder::Mapping> ProfileBuilder::loaded_code() {
  std::vector<Mapping> found;
  ::dl_iterate_phdr(
      [](dl_phdr_info* object, size_t, void* into) {
        auto* mappings = static_cast<std::vector<Mapping>*>(into);
        bool is_program = mappings->empty();
        for (const ElfW(Phdr) & segment : std::span(object->dlpi_phdr, object->dlpi_phnum)) {
          if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
          uint64_t begin = object->dlpi_addr + segment.p_vaddr;
          mappings->push_back({.begin = begin,
                               .end = begin + segment.p_memsz,
                               .offset = segment.p_offset,
                               .file = file_name(object->dlpi_name, is_program)});
        }
        return 0;
      },
      &found);
  return found;
}

void ProfileBuilder::write_mappings() {
  for (size_t i = 0; i < mappings_.size(); ++i) {
    ProtoWriter mapping;
    mapping.number(MappingField::id, i + 1);
    mapping.number(MappingField::memory_start, mappings_[i].begin);
    mapping.number(MappingField::memory_limit, mappings_[i].end);
    mapping.number(MappingField::file_offset, mappings_[i].offset);
    mapping.number(MappingField::filename, string(mappings_[i].file));
    for (int has : {MappingField::has_functions, MappingField::has_filenames,
                    MappingField::has_line_numbers, MappingField::has_inline_frames})
      mapping.number(has, 1);
    profile_.message(ProfileField::mapping, mapping);
  }
}

// 0: nobody's.
uint64_t ProfileBuilder::mapping_of(uintptr_t address) const {
  auto at = std::find_if(mappings_.begin(), mappings_.end(), [address](const Mapping& mapping) {
    return address >= mapping.begin && address < mapping.end;
  });
  return at == mappings_.end() ? 0 : static_cast<uint64_t>(at - mappings_.begin()) + 1;
}

ProtoWriter ProfileBuilder::value_type(ValueType type) {
  ProtoWriter out;
  out.number(ValueTypeField::type, string(type.type));
  out.number(ValueTypeField::unit, string(type.unit));
  return out;
}

ProtoWriter ProfileBuilder::tag(const Label& label) {
  ProtoWriter out;
  out.number(LabelField::key, string(label.key));
  if (!label.text.empty()) {
    out.number(LabelField::str, string(label.text));
    return out;
  }
  out.number(LabelField::num, static_cast<uint64_t>(*label.number));
  if (!label.unit.empty()) out.number(LabelField::num_unit, string(label.unit));
  return out;
}

uint64_t ProfileBuilder::string(std::string_view text) {
  return strings_.try_emplace(std::string(text), strings_.size()).first->second;
}

uint64_t ProfileBuilder::function(const SourceFrame& frame) {
  auto [at, fresh] = functions_.try_emplace({frame.function, frame.file}, functions_.size() + 1);
  if (fresh) {
    ProtoWriter function;
    function.number(FunctionField::id, at->second);
    function.number(FunctionField::name, string(name_for_tools(frame.function)));
    function.number(FunctionField::system_name, string(frame.function));
    function.number(FunctionField::filename, string(frame.file));
    profile_.message(ProfileField::function, function);
  }
  return at->second;
}

// `lines` are those of one address.
uint64_t ProfileBuilder::location(std::span<const StackLine> lines) {
  uintptr_t address = lines.front().address - 1;
  auto [at, fresh] = locations_.try_emplace(address, next_location_);
  if (fresh) {
    ++next_location_;
    ProtoWriter location;
    location.number(LocationField::id, at->second);
    if (uint64_t mapping = mapping_of(address); mapping != 0)
      location.number(LocationField::mapping_id, mapping);
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

}  // namespace sluice::debug::internal
