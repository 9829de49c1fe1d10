// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/kernel_words.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <csignal>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::runtime {
namespace {

using testing::Contains;
using testing::ElementsAre;

std::vector<uintptr_t> words_of(std::string_view text) {
  std::vector<uintptr_t> words;
  visit_hex_words(text.data(), text.size(), [&](uintptr_t word) { words.push_back(word); });
  return words;
}

TEST(KernelWords, TakesHexadecimalNumbersThatCouldBePointers) {
  EXPECT_THAT(words_of("tfd: 5 events: 19 data: 7f12deadbeef  pos:0"), ElementsAre(0x7f12deadbeef));
  EXPECT_THAT(words_of("signal: 60/00007fff8fb762d8\n"), ElementsAre(0x7fff8fb762d8));
  EXPECT_THAT(words_of("1234"), ElementsAre());
  EXPECT_THAT(words_of("1234567 xabcdef01"), ElementsAre(0x1234567, 0xabcdef01));
  EXPECT_THAT(words_of(""), ElementsAre());
}

std::vector<uintptr_t> kernel_words() {
  std::vector<uintptr_t> words(4096);
  size_t count = 0;
  EXPECT_EQ(read_kernel_words(words, &count), nullptr);
  words.resize(count);
  return words;
}

TEST(KernelWords, FindsWhatEpollKeeps) {
  int poller = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<int> events;
  // More than one read's worth of text.
  for (uintptr_t i = 0; i < 200; ++i) {
    events.push_back(::eventfd(0, EFD_CLOEXEC));
    epoll_event event{.events = EPOLLIN, .data = {.u64 = 0x5500123400 + i}};
    ASSERT_EQ(::epoll_ctl(poller, EPOLL_CTL_ADD, events.back(), &event), 0);
  }
  std::vector<uintptr_t> words = kernel_words();
  for (uintptr_t i = 0; i < 200; ++i) EXPECT_THAT(words, Contains(0x5500123400 + i));
  for (int event : events) ::close(event);
  ::close(poller);
  EXPECT_THAT(kernel_words(), testing::Not(Contains(0x5500123400)));
}

TEST(KernelWords, FindsWhatATimerKeeps) {
  static int object;
  sigevent event = {};
  event.sigev_notify = SIGEV_NONE;
  event.sigev_value.sival_ptr = &object;
  timer_t timer;
  ASSERT_EQ(::timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
  if (::access("/proc/self/timers", R_OK) == 0) {
    EXPECT_THAT(kernel_words(), Contains(reinterpret_cast<uintptr_t>(&object)));
  }
  ::timer_delete(timer);
}

TEST(KernelWords, SaysHowManyThereAreWhenThereIsNoRoom) {
  size_t count = 0;
  EXPECT_EQ(read_kernel_words({}, &count), nullptr);
  EXPECT_EQ(count, kernel_words().size());
}

}  // namespace
}  // namespace sluice::runtime
