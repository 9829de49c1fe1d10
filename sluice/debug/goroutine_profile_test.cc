// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/goroutine_profile.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "sluice/chan/channel.h"
#include "sluice/debug/internal/test_waiters.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::debug {

[[gnu::noinline]] void wait_in_profile(const Channel<int>& word) {
  word.receive();
  asm volatile("");
}

namespace {

std::string gunzip(std::string_view data) {
  z_stream stream = {};
  EXPECT_EQ(::inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(1 << 20, '\0');
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

  uint64_t number(int field) const { return numbers.find(field)->second; }
  std::vector<Message> all(int field) const {
    std::vector<Message> found;
    for (auto [at, last] = bytes.equal_range(field); at != last; ++at)
      found.emplace_back(at->second);
    return found;
  }
};

// What pprof would show of it.
struct Profile {
  struct Sample {
    uint64_t count = 0;
    std::vector<std::string> functions;
    std::map<std::string, std::string> tags;
  };
  std::vector<Sample> samples;
  std::string type;

  explicit Profile(const std::string& text) {
    Message profile(text);
    for (auto [at, last] = profile.bytes.equal_range(6); at != last; ++at)
      strings.emplace_back(at->second);
    EXPECT_EQ(strings.at(0), "");
    type = name(profile.all(1).at(0).number(1)) + "/" + name(profile.all(1).at(0).number(2));
    std::map<uint64_t, std::string> functions;
    for (const Message& each : profile.all(5)) functions[each.number(1)] = name(each.number(2));
    std::map<uint64_t, std::vector<std::string>> locations;
    for (const Message& each : profile.all(4))
      for (const Message& line : each.all(4))
        locations[each.number(1)].push_back(functions.at(line.number(1)));
    for (const Message& each : profile.all(2)) {
      Sample& sample = samples.emplace_back();
      std::string_view ids = each.bytes.find(1)->second, values = each.bytes.find(2)->second;
      while (!ids.empty())
        for (const std::string& function : locations.at(Message::varint(ids)))
          sample.functions.push_back(function);
      sample.count = Message::varint(values);
      for (const Message& tag : each.all(3)) sample.tags[name(tag.number(1))] = name(tag.number(2));
    }
  }

  const std::string& name(uint64_t index) const { return strings.at(index); }
  std::vector<std::string> strings;
};

TEST(GoroutineProfile, CountsStacksWithNameAndState) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    Channel<int> word;
    for (int i = 0; i < 3; ++i)
      go([word] {
        set_goroutine_name("waiter");
        wait_in_profile(word);
      });
    internal::wait_for_waiters(3);
    Profile profile(gunzip(goroutine_profile(runtime::capture_goroutines())));
    EXPECT_EQ(profile.type, "goroutine/count");
    ASSERT_EQ(profile.samples.size(), 2u);
    EXPECT_EQ(profile.samples[0].count, 3u);
    EXPECT_EQ(profile.samples[0].tags["name"], "waiter");
    EXPECT_EQ(profile.samples[0].tags["state"], "chan receive");
    EXPECT_THAT(profile.samples[0].functions, testing::Contains("sluice::debug::wait_in_profile"));
    EXPECT_EQ(profile.samples[1].count, 1u);
    EXPECT_EQ(profile.samples[1].tags["state"], "running");
    for (int i = 0; i < 3; ++i) word.send(1);
  });
}

TEST(GoroutineProfile, OfNobodyIsAProfileToo) {
  Profile profile(gunzip(goroutine_profile({})));
  EXPECT_EQ(profile.type, "goroutine/count");
  EXPECT_TRUE(profile.samples.empty());
}

}  // namespace
}  // namespace sluice::debug
