// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/run_queue.h"

#include <deque>
#include <memory>
#include <random>

#include <gtest/gtest.h>

namespace sluice::runtime {
namespace {

struct Records {
  std::unique_ptr<G[]> storage{new G[4096]};
  G* operator[](size_t i) { return &storage[i]; }
};

TEST(RunQueue, EmptyGivesNullAtBothEnds) {
  RunQueue queue;
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_EQ(queue.pop_front(), nullptr);
  EXPECT_EQ(queue.pop_back(), nullptr);
}

TEST(RunQueue, PopsOldestInFrontAndNewestAtTheBack) {
  RunQueue queue;
  Records g;
  for (size_t i = 0; i < 4; ++i) queue.push_back(g[i]);
  EXPECT_EQ(queue.pop_front(), g[0]);
  EXPECT_EQ(queue.pop_back(), g[3]);
  EXPECT_EQ(queue.pop_front(), g[1]);
  EXPECT_EQ(queue.pop_back(), g[2]);
  EXPECT_EQ(queue.size(), 0u);
}

TEST(RunQueue, GrowthKeepsTheOrderWhateverTheHeadsPosition) {
  for (size_t shift : {0, 1, 100, 255, 256, 300, 511}) {
    RunQueue queue;
    Records g;
    for (size_t i = 0; i < shift; ++i) {
      queue.push_back(g[0]);
      ASSERT_EQ(queue.pop_front(), g[0]);
    }
    for (size_t i = 0; i < 2000; ++i) queue.push_back(g[i]);  // through 256, 512 and 1024
    ASSERT_EQ(queue.size(), 2000u);
    for (size_t i = 0; i < 2000; ++i) ASSERT_EQ(queue.pop_front(), g[i]) << shift;
  }
}

// A queue that stays nearly full, round the ring several times.
TEST(RunQueue, NeverOverwritesWhatIsStillQueued) {
  for (size_t kept : {1, 191, 192, 193, 254, 255, 256, 257, 384, 512}) {
    RunQueue queue;
    Records g;
    for (size_t i = 0; i < kept; ++i) queue.push_back(g[i]);
    for (size_t i = kept; i < 4096; ++i) {
      queue.push_back(g[i]);
      ASSERT_EQ(queue.pop_front(), g[i - kept]) << kept;
    }
    ASSERT_EQ(queue.size(), kept);
  }
}

TEST(RunQueue, BehavesLikeADeque) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    RunQueue queue;
    std::deque<G*> model;
    Records g;
    for (int i = 0; i < 20'000; ++i) {
      // Alternately more pushes than pops and the reverse, so that it grows and drains.
      if (random() % 8 < ((i / 3000) % 2 == 0 ? 6u : 2u)) {
        G* pushed = g[random() % 4096];
        queue.push_back(pushed);
        model.push_back(pushed);
      } else if (random() % 2 == 0) {
        ASSERT_EQ(queue.pop_front(), model.empty() ? nullptr : model.front());
        if (!model.empty()) model.pop_front();
      } else {
        ASSERT_EQ(queue.pop_back(), model.empty() ? nullptr : model.back());
        if (!model.empty()) model.pop_back();
      }
      ASSERT_EQ(queue.size(), model.size());
    }
  }
}

}  // namespace
}  // namespace sluice::runtime
