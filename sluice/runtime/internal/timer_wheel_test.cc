// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/timer_wheel.h"

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::runtime {

// Timer::start() wants a running scheduler; a wheel alone needs only these fields. An explicit
// instantiation may name private members ([temp.spec.general]/6).
void set_callback(Timer& timer, Timer::Callback callback, void* arg, uint64_t seq);
template <auto callback_field, auto arg_field, auto seq_field>
struct Fields {
  friend void set_callback(Timer& timer, Timer::Callback callback, void* arg, uint64_t seq) {
    timer.*callback_field = callback;
    timer.*arg_field = arg;
    timer.*seq_field = seq;
  }
};
template struct Fields<&Timer::callback_, &Timer::arg_, &Timer::seq_>;

namespace {

constexpr uint64_t slot_ns = uint64_t{1} << TimerWheel::tick_shift;

// A wheel whose clock is moved by hand. Timers are known by the order in which they were armed.
class Driver {
 public:
  explicit Driver(uint64_t start) { wheel.begin(start); }
  ~Driver() {
    for (Timer& timer : timers_) wheel.remove(&timer);
  }

  uint64_t arm(uint64_t when) {
    uint64_t id = timers_.size();
    Timer& timer = timers_.emplace_back();
    set_callback(
        timer, [](void* self, uint64_t seq) { static_cast<Driver*>(self)->fired.push_back(seq); },
        this, id);
    wheel.add(&timer, when);
    return id;
  }
  bool disarm(uint64_t id) { return wheel.remove(&timers_[id]); }

  // What fires when the clock goes to `now`, in firing order.
  std::vector<uint64_t> run(uint64_t now) {
    fired.clear();
    wheel.run_due(now);
    return fired;
  }

  TimerWheel wheel;
  std::vector<uint64_t> fired;

 private:
  std::deque<Timer> timers_;
};

using Ids = std::vector<uint64_t>;

TEST(TimerWheel, NeverFiresEarlyAndAtMostASlotLate) {
  for (uint64_t offset : {uint64_t{1}, slot_ns - 1, slot_ns, slot_ns + 1, slot_ns * 64,
                          slot_ns * 64 * 64 + 12345, slot_ns * (uint64_t{1} << 30) + 7}) {
    uint64_t start = 1'000'000'007;
    Driver driver(start);
    driver.arm(start + offset);
    EXPECT_EQ(driver.run(start + offset - 1), Ids()) << offset;
    EXPECT_EQ(driver.run(start + offset + slot_ns), Ids{0}) << offset;
  }
}

TEST(TimerWheel, AMomentInThePastFiresAtOnce) {
  Driver driver(slot_ns * 1000);
  EXPECT_EQ(driver.run(slot_ns * 2000), Ids());
  driver.arm(5);
  EXPECT_LE(driver.wheel.next_due(), slot_ns * 2001);
  EXPECT_EQ(driver.run(slot_ns * 2001), Ids{0});
}

TEST(TimerWheel, FiresInTheOrderOfTheSlotsWhateverTheLevel) {
  Driver driver(0);
  for (int level = TimerWheel::levels - 1; level >= 0; --level)
    driver.arm(slot_ns << (TimerWheel::level_bits * level));
  EXPECT_EQ(driver.run(slot_ns << (TimerWheel::level_bits * TimerWheel::levels)),
            (Ids{6, 5, 4, 3, 2, 1, 0}));
}

TEST(TimerWheel, CascadesAcrossTheBoundaryOfEveryLevel) {
  for (int level = 1; level < TimerWheel::levels; ++level) {
    uint64_t boundary = slot_ns << (TimerWheel::level_bits * level);
    Driver driver(boundary - slot_ns);
    driver.arm(boundary + slot_ns);
    driver.arm(boundary);
    EXPECT_EQ(driver.run(boundary), Ids{1}) << level;
    EXPECT_EQ(driver.run(boundary + slot_ns), Ids{0}) << level;
  }
}

TEST(TimerWheel, ATimerBeyondTheHorizonFiresOnTime) {
  uint64_t horizon = slot_ns << (TimerWheel::level_bits * TimerWheel::levels);
  for (uint64_t when : {horizon, horizon * 3 + 99, uint64_t{INT64_MAX}}) {
    Driver driver(slot_ns * 77);
    driver.arm(when);
    for (uint64_t part = 1; part < 16; ++part) {
      ASSERT_EQ(driver.run(when / 16 * part), Ids());
      ASSERT_LE(driver.wheel.next_due(), when + slot_ns);
    }
    EXPECT_EQ(driver.run(when - 1), Ids());
    EXPECT_EQ(driver.run(when + slot_ns), Ids{0});
  }
}

// The top level turns once in nine years; what lies just behind the turn is near, not far.
TEST(TimerWheel, TheTurnOfTheTopLevelDelaysNothing) {
  uint64_t turn = slot_ns << (TimerWheel::level_bits * TimerWheel::levels);
  Driver driver(turn - 10 * slot_ns);
  driver.arm(turn + slot_ns);
  driver.arm(turn - slot_ns);
  driver.arm(turn + (slot_ns << 36) * 5);
  EXPECT_EQ(driver.run(turn), Ids{1});
  EXPECT_EQ(driver.run(turn + slot_ns), Ids{0});
  EXPECT_EQ(driver.run(turn + (slot_ns << 36) * 5), Ids{2});
}

TEST(TimerWheel, RemoveTellsWhetherTheTimerWasArmed) {
  Driver driver(0);
  uint64_t first = driver.arm(slot_ns * 3);
  uint64_t second = driver.arm(slot_ns * 3);
  EXPECT_TRUE(driver.disarm(first));
  EXPECT_FALSE(driver.disarm(first));
  EXPECT_EQ(driver.wheel.count(), 1u);
  EXPECT_EQ(driver.run(slot_ns * 4), Ids{second});
  EXPECT_FALSE(driver.disarm(second));
  EXPECT_EQ(driver.wheel.count(), 0u);
}

TEST(TimerWheel, AnEmptiedWheelIsNeverDue) {
  Driver driver(0);
  EXPECT_EQ(driver.wheel.next_due(), TimerWheel::never);
  driver.disarm(driver.arm(slot_ns * 1000));
  EXPECT_EQ(driver.wheel.next_due(), TimerWheel::never);
  EXPECT_EQ(driver.run(slot_ns * 2000), Ids());
}

TEST(TimerWheel, ASlotOfThousandsFiresCompletely) {
  Driver driver(0);
  for (int i = 0; i < 5000; ++i) driver.arm(slot_ns * 100);
  EXPECT_EQ(driver.run(slot_ns * 100).size(), 5000u);
  EXPECT_EQ(driver.wheel.count(), 0u);
}

TEST(TimerWheel, ACallbackMayArmTimersThatAreDueAtOnce) {
  struct Chain {
    Driver driver{0};
    int left = 10;
  } chain;
  Timer timers[10];
  struct Step {
    static void run(void* arg, uint64_t seq) {
      Chain* chain = static_cast<Chain*>(arg);
      if (--chain->left == 0) return;
      Timer* next = reinterpret_cast<Timer*>(seq) + 1;
      set_callback(*next, run, chain, reinterpret_cast<uint64_t>(next));
      chain->driver.wheel.add(next, 0);
    }
  };
  set_callback(timers[0], Step::run, &chain, reinterpret_cast<uint64_t>(&timers[0]));
  chain.driver.wheel.add(&timers[0], slot_ns);
  for (uint64_t tick = 1; chain.left != 0 && tick <= 20; ++tick)
    chain.driver.wheel.run_due(slot_ns * tick);
  EXPECT_EQ(chain.left, 0);
}

// Any sequence of arming, disarming and steps of the clock, against a sorted map.
class TimerWheelModel : public testing::TestWithParam<uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Starts, TimerWheelModel,
                         testing::Values(0, 123'456'789'012, (uint64_t{1} << 40) - 3 * slot_ns,
                                         (uint64_t{1} << 58) - 1000 * slot_ns));

TEST_P(TimerWheelModel, BehavesLikeASortedMap) {
  std::mt19937_64 random(GetParam() + 1);
  Driver driver(GetParam());
  std::multimap<uint64_t, uint64_t> model;
  uint64_t clock = GetParam();
  auto distance = [&] { return random() >> (20 + random() % 44); };
  for (int i = 0; i < 20'000; ++i) {
    uint64_t choice = random() % 8;
    if (choice < 4) {
      uint64_t when = clock + distance();
      model.emplace(when, driver.arm(when));
    } else if (choice < 6 && !model.empty()) {
      auto victim = model.lower_bound(clock + distance());
      if (victim == model.end()) victim = model.begin();
      ASSERT_TRUE(driver.disarm(victim->second));
      model.erase(victim);
    } else {
      clock += distance() >> random() % 20;
      Ids got = driver.run(clock);
      std::sort(got.begin(), got.end());
      uint64_t slot_begin = clock / slot_ns * slot_ns;
      for (auto at = model.begin(); at != model.end() && at->first <= clock;) {
        auto fired = std::lower_bound(got.begin(), got.end(), at->second);
        if (fired == got.end() || *fired != at->second) {
          ASSERT_GT(at->first, slot_begin) << "late at " << clock;
          ++at;
        } else {
          got.erase(fired);
          at = model.erase(at);
        }
      }
      ASSERT_TRUE(got.empty()) << "early: timer " << got.front() << " at " << clock;
    }
    ASSERT_EQ(driver.wheel.count(), model.size());
    if (!model.empty()) {
      ASSERT_LE(driver.wheel.next_due(), std::max(model.begin()->first, clock) + slot_ns);
    }
  }
}

}  // namespace
}  // namespace sluice::runtime
