// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <zlib.h>

namespace sluice::debug::internal {

// For tests: reads profiles back.
inline std::string gunzip(std::string_view data) {
  z_stream stream = {};
  EXPECT_EQ(::inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(8 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::inflateEnd(&stream);
  return out;
}

// A message of varints and bytes by field number, in order.
struct Message {
  std::multimap<int, uint64_t> numbers;
  std::multimap<int, std::string_view> bytes;

  explicit Message(std::string_view text) {
    while (!text.empty()) {
      uint64_t key = varint(text);
      int field = static_cast<int>(key >> 3);
      if ((key & 7) == 0) {
        numbers.emplace(field, varint(text));
      } else {
        EXPECT_EQ(key & 7, 2u);
        size_t size = varint(text);
        EXPECT_LE(size, text.size());
        if (size > text.size()) return;
        bytes.emplace(field, text.substr(0, size));
        text.remove_prefix(size);
      }
    }
  }

  static uint64_t varint(std::string_view& text) {
    uint64_t value = 0;
    for (int shift = 0; !text.empty(); shift += 7) {
      unsigned char byte = static_cast<unsigned char>(text.front());
      text.remove_prefix(1);
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) break;
    }
    return value;
  }

  uint64_t number(int field) const {
    auto at = numbers.find(field);
    return at == numbers.end() ? 0 : at->second;
  }
  std::vector<Message> all(int field) const {
    std::vector<Message> found;
    for (auto [at, last] = bytes.equal_range(field); at != last; ++at)
      found.emplace_back(at->second);
    return found;
  }
};

// What pprof would show of a profile.
struct Profile {
  struct Sample {
    std::vector<uint64_t> values;
    std::vector<std::string> functions;       // innermost first
    std::map<std::string, std::string> tags;  // of texts
    std::map<std::string, uint64_t> numbers;  // tags of numbers
  };
  std::vector<Sample> samples;
  std::vector<std::string> types;  // "cpu/nanoseconds"
  std::string period_type;
  uint64_t period = 0;
  uint64_t duration_ns = 0;
  std::vector<std::string> mapped_files;
  size_t addresses_outside = 0;  // locations of no mapping
  std::vector<std::string> strings;

  explicit Profile(std::string_view gzipped) {
    std::string text = gunzip(gzipped);
    Message profile(text);
    for (auto [at, last] = profile.bytes.equal_range(6); at != last; ++at)
      strings.emplace_back(at->second);
    EXPECT_EQ(strings.at(0), "");
    for (const Message& type : profile.all(1)) types.push_back(value_type(type));
    for (const Message& type : profile.all(11)) period_type = value_type(type);
    period = profile.number(12);
    duration_ns = profile.number(10);
    for (const Message& mapping : profile.all(3)) mapped_files.push_back(name(mapping.number(5)));
    read_samples(profile, read_locations(profile));
  }

 private:
  using Locations = std::map<uint64_t, std::vector<std::string>>;

  const std::string& name(uint64_t index) const { return strings.at(index); }
  std::string value_type(const Message& type) const {
    return name(type.number(1)) + "/" + name(type.number(2));
  }
  Locations read_locations(const Message& profile) {
    std::map<uint64_t, std::string> functions;
    for (const Message& each : profile.all(5)) functions[each.number(1)] = name(each.number(2));
    Locations locations;
    for (const Message& each : profile.all(4)) {
      uint64_t mapping = each.number(2);
      EXPECT_LE(mapping, mapped_files.size());
      addresses_outside += mapping == 0;
      for (const Message& line : each.all(4))
        locations[each.number(1)].push_back(functions.at(line.number(1)));
    }
    return locations;
  }
  void read_samples(const Message& profile, const Locations& locations) {
    for (const Message& each : profile.all(2)) {
      Sample& sample = samples.emplace_back();
      std::string_view ids = each.bytes.find(1)->second, values = each.bytes.find(2)->second;
      while (!ids.empty())
        for (const std::string& function : locations.at(Message::varint(ids)))
          sample.functions.push_back(function);
      while (!values.empty()) sample.values.push_back(Message::varint(values));
      for (const Message& tag : each.all(3)) {
        if (tag.numbers.contains(2)) sample.tags[name(tag.number(1))] = name(tag.number(2));
        if (tag.numbers.contains(3)) sample.numbers[name(tag.number(1))] = tag.number(3);
      }
    }
  }
};

}  // namespace sluice::debug::internal
