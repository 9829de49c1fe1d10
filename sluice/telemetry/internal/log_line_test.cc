// SPDX-License-Identifier: Apache-2.0

#include "sluice/telemetry/internal/log_line.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace sluice::internal {
namespace {

// Takes a line apart as a reader of logfmt does. False when it is no line of ours.
bool is_one_record(std::string_view line, size_t fields) {
  if (!line.ends_with('\n')) return false;
  line.remove_suffix(1);
  size_t found = 0;
  bool in_quotes = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    if (byte < 0x20 || byte == 0x7f) return false;
    if (in_quotes && line[i] == '\\') {
      if (++i == line.size()) return false;
    } else if (line[i] == '"') {
      in_quotes = !in_quotes;
    } else if (line[i] == '=' && !in_quotes) {
      ++found;
    }
  }
  return !in_quotes && found == fields;
}

TEST(LogLine, RandomBytesMakeOneRecord) {
  std::mt19937 random(7);
  const std::string_view nasty = "\"\\=\n\r\t \x1b\xff\xc2\x9b\xe2\x80\xa8[a0";
  for (int round = 0; round < 20'000; ++round) {
    std::string texts[2];
    for (std::string& text : texts)
      for (size_t n = random() % 40; n > 0; --n) text += nasty[random() % nasty.size()];
    LogLine line({}, Level::info, texts[0]);
    line.add({"key", texts[1]});
    const std::string_view whole = line.finish();
    ASSERT_TRUE(is_one_record(whole, 1)) << whole;
  }
}

TEST(LogLine, CutLineIsOneRecordToo) {
  std::mt19937 random(8);
  const std::string_view nasty = "\"\\=\n \xff\xc2\x9b";
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (size_t n = 4000 + random() % 200; n > 0; --n) text += nasty[random() % nasty.size()];
    LogLine line({}, Level::info, "m");
    line.add({"key", text});
    line.add({"next", 1});
    const std::string_view whole = line.finish();
    ASSERT_LE(whole.size(), 4096u);
    ASSERT_TRUE(whole.ends_with(" truncated=true\n"));
    ASSERT_TRUE(is_one_record(whole, 2)) << whole;
  }
}

}  // namespace
}  // namespace sluice::internal
