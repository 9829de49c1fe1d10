// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/hidden_pointer.h"

#include <cstring>

#include <gtest/gtest.h>

namespace sluice {
namespace {

uintptr_t word_of(const HiddenPointer<int>& pointer) {
  uintptr_t word;
  static_assert(sizeof pointer == sizeof word);
  std::memcpy(&word, &pointer, sizeof word);
  return word;
}

TEST(HiddenPointer, IsNullAtFirst) {
  HiddenPointer<int> pointer;
  EXPECT_EQ(pointer, nullptr);
  pointer = nullptr;
  EXPECT_EQ(pointer, nullptr);
}

TEST(HiddenPointer, LeadsToItsObjectAndDoesNotLookLikeIt) {
  int object = 1;
  HiddenPointer<int> pointer = &object;
  EXPECT_EQ(pointer, &object);
  EXPECT_EQ(*pointer, 1);
  constexpr uintptr_t address_bits =
      (uintptr_t{1} << 47) - 1;  // of which user space has the lower half
  EXPECT_NE(word_of(pointer) & address_bits, reinterpret_cast<uintptr_t>(&object));
}

}  // namespace
}  // namespace sluice
