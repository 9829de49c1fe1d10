// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/pressure_gauge.h"

#include <gtest/gtest.h>

namespace sluice::runtime {
namespace {

constexpr uint64_t mib = 1 << 20;
constexpr uint64_t second = 1'000'000'000;

// A gauge of a limit of 1000 MiB.
class Gauge : public testing::Test {
 protected:
  MemoryPressure at(uint64_t used_mib) {
    now_ += second;
    return gauge.update({used_mib * mib, 1000 * mib}, now_);
  }
  PressureGauge gauge;
  uint64_t now_ = 0;
};
using enum MemoryPressure;

TEST_F(Gauge, EntersALevelAtItsMark) {
  EXPECT_EQ(at(799), none);
  EXPECT_EQ(at(800), moderate);
  EXPECT_EQ(at(949), moderate);
  EXPECT_EQ(at(950), critical);
  EXPECT_EQ(at(1200), critical);
}

TEST_F(Gauge, LeavesALevelWellBelowItsMark) {
  at(960);
  EXPECT_EQ(at(900), critical);
  EXPECT_EQ(at(899), moderate);
  EXPECT_EQ(at(949), moderate);
  EXPECT_EQ(at(750), moderate);
  EXPECT_EQ(at(749), none);
  EXPECT_EQ(at(799), none);
}

TEST_F(Gauge, JumpsOverLevels) {
  EXPECT_EQ(at(990), critical);
  EXPECT_EQ(at(100), none);
}

TEST_F(Gauge, WithoutALimitThereIsNoPressure) {
  at(990);
  EXPECT_EQ(gauge.update({5 * mib, 0}, now_), none);
}

TEST_F(Gauge, LooksOftenerTheNearerTheLimitIs) {
  at(100);
  EXPECT_EQ(gauge.next_look_ns(), PressureGauge::period_max_ns);
  at(700);
  uint64_t far = gauge.next_look_ns();
  EXPECT_LT(far, PressureGauge::period_max_ns);
  at(900);
  EXPECT_LT(gauge.next_look_ns(), far);
  at(949);
  EXPECT_EQ(gauge.next_look_ns(), PressureGauge::period_min_ns);
  at(1000);
  EXPECT_EQ(gauge.next_look_ns(), PressureGauge::critical_period_ns);
}

// 200 MiB in 10 ms: at twice that rate the 450 MiB that are left up to the mark take 11 ms.
TEST_F(Gauge, LooksOftenerTheFasterMemoryGrows) {
  at(300);
  gauge.update({500 * mib, 1000 * mib}, now_ + second / 100);
  EXPECT_NEAR(double(gauge.next_look_ns()), 11.25e6, 0.1e6);
}

}  // namespace
}  // namespace sluice::runtime
