// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/slot_list.h"

#include <deque>
#include <random>

#include <gtest/gtest.h>

namespace sluice::runtime {
namespace {

TEST(SlotList, GivesWhatADequeGives) {
  SlotList::Link table[64];
  auto links = [&table](uint32_t slot) -> SlotList::Link& { return table[slot]; };
  SlotList list;
  std::deque<uint32_t> expected;
  std::deque<uint32_t> outside;
  for (uint32_t slot = 0; slot < 64; ++slot) outside.push_back(slot);
  std::mt19937 random(1);
  for (int step = 0; step < 10'000; ++step) {
    uint32_t choice = random() % 4;
    if (choice < 2 && !outside.empty()) {
      list.push(links, outside.front());
      expected.push_back(outside.front());
      outside.pop_front();
    } else if (choice == 2 && !expected.empty()) {
      ASSERT_EQ(list.pop_newest(links), expected.back());
      outside.push_back(expected.back());
      expected.pop_back();
    } else if (choice == 3 && !expected.empty()) {
      ASSERT_EQ(list.pop_oldest(links), expected.front());
      outside.push_back(expected.front());
      expected.pop_front();
    }
    ASSERT_EQ(list.count, expected.size());
  }
}

}  // namespace
}  // namespace sluice::runtime
