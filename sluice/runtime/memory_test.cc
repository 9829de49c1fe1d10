// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/memory.h"

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/runtime/internal/listeners.h"

namespace sluice {
namespace {

using runtime::tell_listeners;

TEST(MemoryListener, HearsWhatIsToldWhileItLives) {
  std::vector<MemoryNotice> heard;
  tell_listeners({MemoryPressure::critical, 1});
  {
    MemoryListener listener([&](MemoryNotice notice) { heard.push_back(notice); });
    tell_listeners({MemoryPressure::moderate, 50});
    tell_listeners({MemoryPressure::none, 60});
  }
  tell_listeners({MemoryPressure::critical, 1});
  ASSERT_EQ(heard.size(), 2u);
  EXPECT_EQ(heard[0].pressure, MemoryPressure::moderate);
  EXPECT_EQ(heard[1].idle_percent, 60u);
}

TEST(MemoryListener, SeveralGoInAnyOrder) {
  int heard = 0;
  auto hear = [&](MemoryNotice) { ++heard; };
  for (int gone = 0; gone < 3; ++gone) {
    std::optional<MemoryListener> listeners[3];
    for (auto& listener : listeners) listener.emplace(hear);
    heard = 0;
    tell_listeners({});
    EXPECT_EQ(heard, 3);
    listeners[gone].reset();
    heard = 0;
    tell_listeners({});
    EXPECT_EQ(heard, 2);
  }
}

TEST(MemoryListener, MayMakeAndDestroyOthers) {
  std::unique_ptr<MemoryListener> others[3];
  int heard = 0;
  for (auto& other : others)
    other = std::make_unique<MemoryListener>([&](MemoryNotice) { ++heard; });
  // Told first, as the newest.
  MemoryListener maker([&](MemoryNotice) {
    others[2].reset();
    others[0].reset();
    others[0] = std::make_unique<MemoryListener>([&](MemoryNotice) { ++heard; });
  });
  tell_listeners({});
  EXPECT_EQ(heard, 1) << "the new one hears the next notice";
  heard = 0;
  tell_listeners({});
  EXPECT_EQ(heard, 2) << "the new one and the one that stayed";
}

TEST(MemoryListener, IsNotDestroyedWhileItHears) {
  std::atomic<bool> hearing{false};
  std::atomic<bool> go_on{false};
  std::atomic<bool> destroyed{false};
  auto listener = std::make_unique<MemoryListener>([&](MemoryNotice) {
    hearing.store(true);
    while (!go_on.load()) std::this_thread::yield();
    EXPECT_FALSE(destroyed.load());
  });
  std::thread teller([] { tell_listeners({}); });
  while (!hearing.load()) std::this_thread::yield();
  std::thread destroyer([&] {
    listener.reset();
    destroyed.store(true);
  });
  for (int i = 0; i < 1000; ++i) std::this_thread::yield();
  go_on.store(true);
  teller.join();
  destroyer.join();
}

TEST(MemoryStats, CountRequestsThatServersShed) {
  uint64_t before = memory_stats().requests_shed;
  count_shed_request();
  EXPECT_EQ(memory_stats().requests_shed, before + 1);
}

TEST(MemoryStats, WithoutALimitStillSayWhatIsResident) {
  EXPECT_EQ(memory_stats().limit_bytes, 0u);
  EXPECT_GT(memory_stats().used_bytes, 100'000u);
}

}  // namespace
}  // namespace sluice
