// SPDX-License-Identifier: Apache-2.0

#include "sluice/sync/pool.h"

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/memory.h"
#include "sluice/runtime/runtime.h"
#include "sluice/sync/wait_group.h"

namespace sluice::sync {
namespace {

struct Counted {
  static inline std::atomic<int> alive{0};
  static inline std::atomic<int> made{0};
  Counted() {
    ++alive;
    ++made;
  }
  ~Counted() { --alive; }
  std::atomic<int> users{0};
  int content = 0;
};

class PoolTest : public testing::Test {
 protected:
  void SetUp() override { Counted::made = 0; }
  void TearDown() override { EXPECT_EQ(Counted::alive, 0); }
};

TEST_F(PoolTest, GivesNewOnesWhenEmpty) {
  Pool<Counted> pool;
  auto first = pool.get();
  auto second = pool.get();
  EXPECT_NE(first.get(), second.get());
  EXPECT_EQ(Counted::made, 2);
}

TEST_F(PoolTest, LendsTheLastOneAgainAsItWasLeft) {
  Pool<Counted> pool;
  Counted* object;
  {
    auto lease = pool.get();
    lease->content = 7;
    object = lease.get();
  }
  auto lease = pool.get();
  EXPECT_EQ(lease.get(), object);
  EXPECT_EQ((*lease).content, 7);
  EXPECT_EQ(Counted::made, 1);
}

TEST_F(PoolTest, MakesWithItsFunction) {
  int calls = 0;
  Pool<std::vector<int>> pool{[&calls] {
    ++calls;
    return std::make_unique<std::vector<int>>(3, 5);
  }};
  {
    EXPECT_EQ(pool.get()->size(), 3u);
  }
  {
    EXPECT_EQ(pool.get()->at(1), 5);
  }
  EXPECT_EQ(calls, 1);
}

TEST_F(PoolTest, MovedLeaseGivesBackOnce) {
  Pool<Counted> pool;
  {
    auto lease = pool.get();
    auto taken = std::move(lease);
    EXPECT_FALSE(lease);
    EXPECT_TRUE(taken);
    lease = std::move(taken);
  }
  auto again = pool.get();
  auto other = pool.get();
  EXPECT_NE(again.get(), other.get());
}

TEST_F(PoolTest, KeptObjectsLeaveThePool) {
  Pool<Counted> pool;
  std::unique_ptr<Counted> kept = pool.get().keep();
  auto lease = pool.get();
  EXPECT_NE(lease.get(), kept.get());
}

TEST_F(PoolTest, HoldsMoreThanAStackFull) {
  Pool<Counted> pool;
  {
    std::vector<Pool<Counted>::Lease> leases;
    for (int i = 0; i < 200; ++i) leases.push_back(pool.get());
  }
  std::vector<Pool<Counted>::Lease> leases;
  std::set<Counted*> distinct;
  for (int i = 0; i < 200; ++i) distinct.insert(leases.emplace_back(pool.get()).get());
  EXPECT_EQ(distinct.size(), 200u);
  EXPECT_EQ(Counted::made, 200);
}

TEST_F(PoolTest, TwoAgesFreeWhatIsIdleInTheDepot) {
  Pool<Counted> pool;
  {
    std::vector<Pool<Counted>::Lease> leases;
    for (int i = 0; i < 200; ++i) leases.push_back(pool.get());
  }
  pool.age();
  EXPECT_EQ(Counted::alive, 200);
  age_pools();
  EXPECT_LT(Counted::alive, 20);
}

struct WithPool {
  Pool<Counted> pool;
};

TEST_F(PoolTest, ObjectsThatOwnPoolsMayBeFreedByAge) {
  Pool<WithPool> pool;
  {
    std::vector<Pool<WithPool>::Lease> leases;
    for (int i = 0; i < 100; ++i) static_cast<void>(leases.emplace_back(pool.get())->pool.get());
  }
  age_pools();
  age_pools();
  EXPECT_LT(Counted::alive, 20);
}

TEST_F(PoolTest, WhatIsUsedSurvivesAges) {
  Pool<Counted> pool;
  {
    auto lease = pool.get();
  }
  for (int i = 0; i < 5; ++i) {
    pool.age();
    auto lease = pool.get();
  }
  EXPECT_EQ(Counted::made, 1);
}

// A pool without its type, of which `lent` objects are out and the rest was given back.
class PoolTrim : public PoolTest {
 protected:
  void fill(int idle, int lent) {
    for (int i = 0; i < idle + lent; ++i) {
      core.note_made();
      objects.push_back(new Counted);
    }
    for (int i = 0; i < idle; ++i) core.give(objects[static_cast<size_t>(i)]);
    lent_ = lent;
  }
  void TearDown() override {
    for (; lent_ > 0; --lent_) delete objects[objects.size() - static_cast<size_t>(lent_)];
    core.drain(false);
    EXPECT_LT(Counted::alive, 20);
    while (void* object = core.take()) delete static_cast<Counted*>(object);
    PoolTest::TearDown();
  }
  internal::PoolCore core{[](void* object) { delete static_cast<Counted*>(object); }};
  std::vector<Counted*> objects;
  int lent_ = 0;
};

TEST_F(PoolTrim, FreesWhatNobodyTookFromOneToTheNext) {
  fill(200, 0);
  core.trim(50);
  EXPECT_EQ(Counted::alive, 200);
  core.trim(50);
  EXPECT_LT(Counted::alive, 40);
}

TEST_F(PoolTrim, LeavesAPercentageOfWhatIsLent) {
  fill(200, 100);
  for (int i = 0; i < 3; ++i) core.trim(100);
  EXPECT_GE(Counted::alive, 200);
  EXPECT_LT(Counted::alive, 240);
  for (int i = 0; i < 3; ++i) core.trim(10);
  EXPECT_GE(Counted::alive, 110);
  EXPECT_LT(Counted::alive, 150);
}

TEST_F(PoolTrim, LeavesWhatIsTakenAgainAndAgain) {
  fill(200, 0);
  for (int i = 0; i < 5; ++i) {
    std::vector<void*> taken;
    for (int k = 0; k < 150; ++k) taken.push_back(core.take());
    for (void* object : taken) core.give(object);
    core.trim(1);
  }
  EXPECT_GE(Counted::alive, 150);
}

TEST_F(PoolTest, UnderCriticalMemoryPressureNothingStaysIdle) {
  Pool<Counted> pool;
  // So small that there is always too much in use.
  Runtime runtime{{.max_procs = 2, .memory_limit_bytes = 1 << 20}};
  auto use = [&] {
    std::vector<Pool<Counted>::Lease> leases;
    for (int i = 0; i < 200; ++i) leases.push_back(pool.get());
  };
  use();
  runtime.block_on([&] {
    WaitGroup group;
    for (int g = 0; g < 4; ++g) group.go(use);
    group.wait();
  });
  while (Counted::alive != 0) std::this_thread::yield();
}

class PoolStress : public testing::TestWithParam<int> {
 protected:
  Runtime runtime_{{.max_procs = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Procs, PoolStress, testing::Values(1, 2, 4));

TEST_P(PoolStress, LendsEachObjectToOneAtATime) {
  runtime_.block_on([] {
    Pool<Counted> pool;
    WaitGroup group;
    for (int g = 0; g < 10; ++g)
      group.go([&] {
        for (int i = 0; i < 500; ++i) {
          auto first = pool.get();
          auto second = pool.get();
          EXPECT_EQ(++first->users, 1);
          EXPECT_EQ(++second->users, 1);
          if (i % 8 == 0) yield();
          --first->users;
          --second->users;
          if (i % 100 == 0) pool.age();
        }
      });
    group.wait();
  });
  EXPECT_EQ(Counted::alive, 0);
}

// Got by one goroutine, given back by another: batches bring the objects round.
TEST_P(PoolStress, ObjectsComeRoundFromConsumers) {
  Counted::made = 0;
  runtime_.block_on([] {
    Pool<Counted> pool;
    Channel<Pool<Counted>::Lease> channel{8};
    WaitGroup group;
    group.go([&] {
      for (int i = 0; i < 5000; ++i) channel.send(pool.get());
      channel.close();
    });
    group.go([&] {
      while (auto lease = channel.receive()) {
      }
    });
    group.wait();
  });
  EXPECT_LT(Counted::made, 200);
}

TEST_P(PoolStress, PoolsGoWhileOthersAge) {
  runtime_.block_on([] {
    WaitGroup group;
    for (int g = 0; g < 4; ++g)
      group.go([g] {
        for (int i = 0; i < 50; ++i) {
          Pool<Counted> pool;
          {
            std::vector<Pool<Counted>::Lease> leases;
            for (int k = 0; k < 30; ++k) leases.push_back(pool.get());
          }
          if (g % 2 == 0) age_pools();
        }
      });
    group.wait();
  });
  EXPECT_EQ(Counted::alive, 0);
}

// The governor frees what is idle, all the time, beside those who take and give.
class PoolUnderPressure : public testing::Test {};
TEST_F(PoolUnderPressure, LendsEachObjectToOneAtATime) {
  Runtime runtime{{.max_procs = 2}};
  Pool<Counted> pool;
  std::atomic<bool> over{false};
  std::thread drainer([&] {
    while (!over.load()) internal::PoolCore::hear({MemoryPressure::critical, 50});
  });
  runtime.block_on([&] {
    WaitGroup group;
    for (int g = 0; g < 10; ++g)
      group.go([&] {
        for (int i = 0; i < 2000; ++i) {
          auto first = pool.get();
          auto second = pool.get();
          EXPECT_EQ(++first->users, 1);
          EXPECT_EQ(++second->users, 1);
          if (i % 8 == 0) yield();
          --first->users;
          --second->users;
        }
      });
    group.wait();
  });
  over.store(true);
  drainer.join();
}

TEST_P(PoolStress, ThreadsTakePart) {
  Pool<Counted> pool;
  auto use = [&] {
    for (int i = 0; i < 1000; ++i) {
      auto lease = pool.get();
      EXPECT_EQ(++lease->users, 1);
      --lease->users;
    }
  };
  std::thread left(use), right(use);
  runtime_.block_on([&] {
    WaitGroup group;
    for (int g = 0; g < 4; ++g) group.go(use);
    group.wait();
  });
  left.join();
  right.join();
}

}  // namespace
}  // namespace sluice::sync
