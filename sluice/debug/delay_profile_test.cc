// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/delay_profile.h"

#include <cstdint>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/debug/internal/test_profile.h"
#include "sluice/debug/internal/test_waiters.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"
#include "sluice/sync/mutex.h"
#include "sluice/sync/rw_mutex.h"

namespace sluice::debug {

[[gnu::noinline]] void receive_late(const Channel<int>& word) {
  word.receive();
  asm volatile("");
}

[[gnu::noinline]] void lock_late(sync::Mutex& mutex) {
  mutex.lock();
  asm volatile("");
}

template <class Lock>
[[gnu::noinline]] void unlock_before_others(Lock& lock) {
  lock.unlock();
  asm volatile("");
}

namespace {

using runtime::DelayProfile;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;

void let_pass(Duration duration) {
  for (Instant begin = now(); now() - begin < duration;) std::this_thread::yield();
}

// The samples of a profile that are of `function`, added up: contentions, nanoseconds.
std::vector<uint64_t> sum_of(const DelayProfile& delays, std::string_view function) {
  internal::Profile profile(delay_profile(delays));
  EXPECT_THAT(profile.types, testing::ElementsAre("contentions/count", "delay/nanoseconds"));
  std::vector<uint64_t> sum(2);
  for (const auto& sample : profile.samples)
    for (const std::string& each : sample.functions)
      if (each.starts_with(function)) {
        sum[0] += sample.values[0];
        sum[1] += sample.values[1];
        break;
      }
  return sum;
}

// What is counted in a fresh Runtime with one P, where the first wait of each kind is drawn.
template <class Act>
DelayProfile counted(DelayProfile (*read)(), Act act) {
  DelayProfile before = read();
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on(act);
  return difference(read(), before);
}

// Ends once `count` goroutines wait for `lock`, and have for a while.
template <class Lock>
void hold_until_waited_for(Lock& lock, size_t count, void (*take)(Lock&)) {
  lock.lock();
  Channel<Unit> ended(count);
  for (size_t i = 0; i < count; ++i)
    go([&lock, ended, take] {
      set_goroutine_name("waiter");
      take(lock);
      ended.send({});
    });
  internal::wait_for_waiters(count);
  let_pass(milliseconds(5));
  unlock_before_others(lock);
  for (size_t i = 0; i < count; ++i) ended.receive();
}

TEST(DelayProfile, NamesWhereSomebodyWaitedForAChannel) {
  DelayProfile delays = counted(runtime::block_profile, [] {
    Channel<int> word;
    go([word] {
      let_pass(milliseconds(5));
      word.send(1);
    });
    receive_late(word);
  });
  std::vector<uint64_t> sum = sum_of(delays, "sluice::debug::receive_late");
  EXPECT_EQ(sum[0], 1u);
  EXPECT_GE(sum[1], 5'000'000u);
}

TEST(DelayProfile, NamesWhoWaitedForALockAndWhoHeldIt) {
  DelayProfile before = runtime::mutex_profile();
  DelayProfile blocked = counted(runtime::block_profile, [] {
    sync::Mutex mutex;
    hold_until_waited_for<sync::Mutex>(mutex, 1, [](sync::Mutex& mutex) {
      lock_late(mutex);
      mutex.unlock();
    });
  });
  DelayProfile contended = difference(runtime::mutex_profile(), before);
  std::vector<uint64_t> waited = sum_of(blocked, "sluice::debug::lock_late");
  EXPECT_EQ(waited[0], 1u);
  EXPECT_GE(waited[1], 5'000'000u);
  std::vector<uint64_t> held = sum_of(contended, "sluice::debug::unlock_before_others");
  EXPECT_GE(held[0], 1u);
  EXPECT_GE(held[1], 5'000'000u);
}

TEST(DelayProfile, NamesWhoKeptReadersAndWritersWaiting) {
  DelayProfile delays = counted(runtime::mutex_profile, [] {
    sync::RWMutex lock;
    hold_until_waited_for<sync::RWMutex>(lock, 1, [](sync::RWMutex& lock) {
      lock.lock_shared();
      lock.unlock_shared();
    });
  });
  std::vector<uint64_t> held = sum_of(delays, "sluice::debug::unlock_before_others");
  EXPECT_GE(held[0], 1u);
  EXPECT_GE(held[1], 5'000'000u);
}

DelayProfile three_stacks() {
  DelayProfile profile;
  auto here = reinterpret_cast<uintptr_t>(&receive_late) + 1;
  profile.stacks.push_back({{here}, 3, milliseconds(1)});
  profile.stacks.push_back({{here, here}, 2, milliseconds(7)});
  profile.others = 5;
  profile.others_delay = milliseconds(2);
  return profile;
}

TEST(DelayText, IsGosWithTheLongestFirst) {
  std::string text = delay_text("contention", three_stacks());
  EXPECT_THAT(text, StartsWith("--- contention:\ncycles/second=1000000000\n7000000 2 @ 0x"));
  size_t others = text.find("\n2000000 5 @\n");
  size_t last = text.find("\n1000000 3 @ 0x");
  EXPECT_LT(others, last);
  EXPECT_NE(last, std::string::npos);
  EXPECT_THAT(text, HasSubstr("\tsluice::debug::receive_late"));
  EXPECT_THAT(text, HasSubstr("delay_profile_test.cc:"));
}

TEST(DelayText, OfAMutexSaysThatEachCounts) {
  EXPECT_EQ(delay_text("mutex", {}), "--- mutex:\ncycles/second=1000000000\nsampling period=1\n");
}

TEST(DelayDifference, LeavesOutWhatWasThereBefore) {
  DelayProfile before = three_stacks();
  DelayProfile after = three_stacks();
  after.stacks[1].count += 4;
  after.stacks[1].delay += milliseconds(10);
  after.stacks.push_back({{1}, 1, milliseconds(1)});
  after.others += 2;
  DelayProfile between = difference(after, before);
  ASSERT_EQ(between.stacks.size(), 2u);
  EXPECT_EQ(between.stacks[0].count, 4u);
  EXPECT_EQ(between.stacks[0].delay, milliseconds(10));
  EXPECT_EQ(between.stacks[1].frames, std::vector<uintptr_t>{1});
  EXPECT_EQ(between.others, 2u);
  EXPECT_EQ(between.others_delay, Duration::zero());
}

}  // namespace
}  // namespace sluice::debug
