// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/events.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/base/assert.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/metrics.h"
#include "sluice/runtime/poll.h"
#include "sluice/runtime/runtime.h"

namespace sluice::runtime {
namespace {

constexpr size_t plenty = size_t{64} << 20;

// An event that is kept.
struct Kept : Event {
  explicit Kept(const Event& event) : Event(event), words(event.text) {}
  std::string words;
};
using Events = std::vector<Kept>;

EventRecording must_start(size_t bytes = plenty) {
  Result<EventRecording> recording = EventRecording::start(bytes);
  SLUICE_ASSERT(recording.has_value(), "a test of the recording cannot start one");
  return std::move(*recording);
}

Events events_of(EventRecording& recording) {
  recording.stop();
  Events events;
  recording.visit([&](const Event& event) {
    events.emplace_back(event);
    return true;
  });
  return events;
}

template <class Body>
Events record_while(Body body) {
  EventRecording recording = must_start();
  body();
  Events events = events_of(recording);
  EXPECT_EQ(recording.lost(), 0u);
  return events;
}

size_t count(const Events& events, EventKind kind, uint64_t g = 0) {
  return static_cast<size_t>(std::ranges::count_if(
      events, [&](const Event& event) { return event.kind == kind && (g == 0 || event.g == g); }));
}

const Kept* first(const Events& events, EventKind kind, uint64_t g) {
  auto at = std::ranges::find_if(
      events, [&](const Event& event) { return event.kind == kind && event.g == g; });
  return at != events.end() ? &*at : nullptr;
}

// Follows every goroutine and processor through its events, and reports what cannot have happened.
class Follower {
 public:
  void follow(const Events& events) {
    for (const Event& event : events) {
      EXPECT_GE(event.time_ns, last_);
      last_ = event.time_ns;
      one(event);
    }
  }

 private:
  enum class State { unknown, waiting, runnable, running, ended };
  struct Life {
    State state = State::unknown;
    uint32_t turn = 0;  // the next
    bool readied = false;
  };

  void leave(const Event& event, Life& life, State to) {
    EXPECT_TRUE(life.state == State::running || life.state == State::unknown) << event.g;
    life.state = life.readied ? State::runnable : to;
    life.readied = false;
    if (event.p < 0) return;
    auto [at, unknown] = on_p_.try_emplace(event.p, 0);
    EXPECT_TRUE(unknown || at->second == event.g) << "G" << event.g << " leaves P" << event.p;
    at->second = 0;
  }

  void start(const Event& event, Life& life) {
    EXPECT_TRUE(life.state == State::runnable || life.state == State::unknown) << event.g;
    EXPECT_TRUE(life.state == State::unknown || event.turn == life.turn) << event.g;
    life.state = State::running;
    auto [at, unknown] = on_p_.try_emplace(event.p, 0);
    EXPECT_TRUE(unknown || at->second == 0) << "P" << event.p << " has G" << at->second;
    at->second = event.g;
  }

  void one(const Event& event) {
    Life& life = lives_[event.g];
    switch (event.kind) {
      case EventKind::created:
        EXPECT_EQ(life.state, State::unknown);
        life = {State::runnable, event.turn, false};
        break;
      case EventKind::ready:
        if (life.state == State::running) {
          EXPECT_FALSE(life.readied);
          life.readied = true;
        } else {
          EXPECT_TRUE(life.state == State::waiting || life.state == State::unknown) << event.g;
          life.state = State::runnable;
        }
        life.turn = event.turn;
        break;
      case EventKind::started:
        start(event, life);
        break;
      case EventKind::parked:
        leave(event, life, State::waiting);
        break;
      case EventKind::yielded:
      case EventKind::requeued:
        leave(event, life, State::runnable);
        life.turn = event.turn;
        break;
      case EventKind::ended:
        leave(event, life, State::ended);
        break;
      case EventKind::processor_started:
      case EventKind::processor_stopped:
      case EventKind::processor_taken:
        on_p_[event.p] = event.kind == EventKind::processor_started ? event.g : 0;
        break;
      default:
        break;
    }
  }

  std::map<uint64_t, Life> lives_;
  std::map<int, uint64_t> on_p_;
  uint64_t last_ = 0;
};

void follow(const Events& events) { Follower().follow(events); }

// Goroutines that count down to the end of a test.
class Countdown {
 public:
  explicit Countdown(int n) : left_(n) {}
  void done() {
    if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) ready(waiter_);
  }
  void wait() { park(WaitReason::wait_group); }

 private:
  std::atomic<int> left_;
  G* waiter_ = current();
};

TEST(Events, NobodyRecordsUnlessAsked) {
  Runtime runtime{{.max_procs = 2}};
  EXPECT_FALSE(is_recording());
  {
    EventRecording recording = must_start();
    EXPECT_TRUE(is_recording());
  }
  EXPECT_FALSE(is_recording());
}

TEST(Events, ShowEveryGoroutineFromItsCreationToItsEnd) {
  constexpr int n = 1000;
  for (int procs : {1, 4}) {
    Runtime runtime{{.max_procs = procs}};
    runtime.block_on([&] {
      uint64_t self = goroutine_id();
      Events events = record_while([&] {
        Countdown countdown(n);
        for (int i = 0; i < n; ++i) go([&] { countdown.done(); });
        countdown.wait();
      });
      follow(events);
      EXPECT_EQ(count(events, EventKind::created), n);
      for (const Event& event : events) {
        if (event.kind != EventKind::created) continue;
        EXPECT_EQ(event.a, self);
        EXPECT_NE(event.b, 0u);
        // More than once if sysmon took the processor meanwhile.
        EXPECT_GE(count(events, EventKind::started, event.g), 1);
      }
      // Some may be on their way to it still.
      EXPECT_LE(count(events, EventKind::ended), n);
    });
  }
}

TEST(Events, ShowWhoMadeWhomReady) {
  constexpr int rounds = 500;
  for (int procs : {1, 4}) {
    Runtime runtime{{.max_procs = procs}};
    runtime.block_on([&] {
      uint64_t ping = goroutine_id();
      uint64_t pong = 0;
      G* other = nullptr;
      Events events = record_while([&] {
        G* self = current();
        go([&] {
          pong = goroutine_id();
          other = current();
          for (int i = 0; i < rounds; ++i) {
            ready(self);
            park(WaitReason::chan_receive);
          }
          ready(self);
        });
        for (int i = 0; i < rounds; ++i) {
          park(WaitReason::chan_send);
          ready(other);
        }
        park(WaitReason::chan_send);
      });
      follow(events);
      size_t to_pong = 0;
      size_t to_ping = 0;
      for (const Event& event : events) {
        if (event.kind != EventKind::ready) continue;
        EXPECT_EQ(event.detail, static_cast<uint16_t>(WakeCause::goroutine));
        to_pong += event.g == pong && event.a == ping;
        to_ping += event.g == ping && event.a == pong;
      }
      // Who is made ready before it parks does not park, and nobody has to.
      EXPECT_EQ(to_pong, count(events, EventKind::parked, pong));
      EXPECT_EQ(to_ping, count(events, EventKind::parked, ping));
      if (procs == 1) {
        EXPECT_EQ(to_pong, rounds);
        EXPECT_EQ(to_ping, rounds + 1);
      }
      const Kept* parked = first(events, EventKind::parked, pong);
      ASSERT_NE(parked, nullptr);
      EXPECT_EQ(parked->detail, static_cast<uint16_t>(WaitReason::chan_receive));
    });
  }
}

TEST(Events, AYieldIsNoPark) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([&] {
    uint64_t self = goroutine_id();
    Events events = record_while([&] {
      for (int i = 0; i < 100; ++i) yield();
    });
    follow(events);
    EXPECT_EQ(count(events, EventKind::yielded, self), 100);
    EXPECT_GE(count(events, EventKind::started, self), 100);
    EXPECT_EQ(count(events, EventKind::parked, self), 0);
  });
}

TEST(Events, SayHowGoroutinesStoodAtTheStart) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([&] {
    G* waiter = nullptr;
    uint64_t id = 0;
    go([&] {
      set_goroutine_name("patient");
      waiter = current();
      id = goroutine_id();
      park(WaitReason::cond);
    });
    while (id == 0) yield();
    Events events = record_while([] {});
    const Kept* status = first(events, EventKind::status, id);
    ASSERT_NE(status, nullptr);
    EXPECT_EQ(status->detail & 0xff, static_cast<int>(GoroutineStatus::waiting));
    EXPECT_EQ(status->detail >> 8, static_cast<int>(WaitReason::cond));
    EXPECT_EQ(status->a, goroutine_id());
    const Kept* named = first(events, EventKind::named, id);
    ASSERT_NE(named, nullptr);
    EXPECT_EQ(named->words, "patient");
    const Kept* own = first(events, EventKind::status, goroutine_id());
    ASSERT_NE(own, nullptr);
    EXPECT_EQ(own->detail, static_cast<int>(GoroutineStatus::running));
    ready(waiter);
  });
}

TEST(Events, ABlockingCallGivesItsProcessorAwayAndTakesOneBack) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([&] {
    uint64_t self = goroutine_id();
    Events events = record_while([&] {
      std::atomic<bool> ran{false};
      go([&] { ran.store(true); });
      blocking([&] {
        while (!ran.load()) std::this_thread::yield();
      });
    });
    follow(events);
    const Kept* given = first(events, EventKind::processor_stopped, self);
    ASSERT_NE(given, nullptr);
    EXPECT_EQ(given->p, 0);
    // Back by itself if the other thread gave the processor up, else through the queue.
    EXPECT_GE(count(events, EventKind::processor_started, self) +
                  count(events, EventKind::requeued, self),
              1);
  });
}

TEST(Events, ACallThatBlocksUnannouncedLosesItsProcessorToSysmon) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Runtime runtime{{.max_procs = 1}};
  EventRecording recording = must_start();
  uint64_t blocked = 0;
  std::thread other([&] {
    std::atomic<bool> ran{false};
    go([&] { ran.store(true); });
    while (!ran.load()) std::this_thread::yield();
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
  });
  runtime.block_on([&] {
    blocked = goroutine_id();
    char c;
    EXPECT_EQ(::read(ends[0], &c, 1), 1);
    // For the case that the other's goroutine ran before this one: as long as it takes.
    while (runtime_metrics().retakes == 0) {
      std::atomic<bool> ran{false};
      go([&] { ran.store(true); });
      while (!ran.load()) std::this_thread::yield();
    }
    yield();  // it has a processor again
  });
  other.join();
  Events events = events_of(recording);
  follow(events);
  const Kept* taken = first(events, EventKind::processor_taken, blocked);
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(taken->m, Event::no_thread);
  EXPECT_GE(count(events, EventKind::processor_started, blocked) +
                count(events, EventKind::requeued, blocked),
            1);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Events, TimersAndDescriptorsMakeReadyToo) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([&] {
    uint64_t reader = 0;
    Events events = record_while([&] {
      Countdown countdown(1);
      PollDesc desc;
      ASSERT_TRUE(desc.open(ends[0]));
      go([&] {
        reader = goroutine_id();
        EXPECT_TRUE(desc.wait_read());
        countdown.done();
      });
      sleep_for(std::chrono::milliseconds(1));  // tidy: sleeps: it is what is observed
      EXPECT_EQ(::write(ends[1], "x", 1), 1);
      countdown.wait();
      desc.close();
    });
    follow(events);
    bool timer = false;
    bool netpoll = false;
    for (const Event& event : events) {
      if (event.kind != EventKind::ready) continue;
      timer |= event.g == goroutine_id() && event.detail == static_cast<int>(WakeCause::timer);
      netpoll |= event.g == reader && event.detail == static_cast<int>(WakeCause::netpoll);
    }
    EXPECT_TRUE(timer);
    // The write may have come before the wait; then there was none.
    const Kept* parked = first(events, EventKind::parked, reader);
    EXPECT_EQ(netpoll, parked != nullptr);
    EXPECT_GE(count(events, EventKind::timers_fired), 1);
  });
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Events, ThreadsThatAreNoGoroutinesCountToo) {
  Runtime runtime{{.max_procs = 2}};
  EventRecording recording = must_start();
  uint64_t id = 0;
  G* waiter = nullptr;
  std::atomic<bool> parks{false};
  std::atomic<bool> done{false};
  go([&] {
    id = goroutine_id();
    waiter = current();
    parks.store(true);
    park(WaitReason::cond);
    done.store(true);
  });
  while (!parks.load()) std::this_thread::yield();
  ready(waiter);
  while (!done.load()) std::this_thread::yield();
  Events events = events_of(recording);
  follow(events);
  const Kept* created = first(events, EventKind::created, id);
  ASSERT_NE(created, nullptr);
  EXPECT_EQ(created->a, 0u);
  EXPECT_EQ(created->m, Event::no_thread);
  // Unless the permit came before the park.
  const Kept* readied = first(events, EventKind::ready, id);
  EXPECT_TRUE(readied == nullptr || readied->detail == static_cast<int>(WakeCause::thread));
}

TEST(Events, TheUsersOwnCarryText) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([&] {
    Events events = record_while([] {
      record_region_begin("parse");
      record_log(std::string(1000, 'x'));
      record_log("");
      set_goroutine_name("worker");
      record_region_end();
    });
    uint64_t self = goroutine_id();
    EXPECT_EQ(first(events, EventKind::region_began, self)->words, "parse");
    EXPECT_EQ(first(events, EventKind::named, self)->words, "worker");
    EXPECT_EQ(first(events, EventKind::logged, self)->words,
              std::string(EventRecording::text_max, 'x'));
    EXPECT_EQ(count(events, EventKind::logged), 2);
    EXPECT_EQ(count(events, EventKind::region_ended), 1);
  });
}

TEST(Events, WhatThereIsNoRoomForIsCountedAndTheRestIsComplete) {
  Runtime runtime{{.max_procs = 4}};
  runtime.block_on([&] {
    EventRecording recording = must_start(1);  // bytes_min
    Countdown countdown(8);
    for (int i = 0; i < 8; ++i) {
      go([&] {
        while (!recording.is_full()) yield();
        for (int j = 0; j < 100; ++j) yield();
        countdown.done();
      });
    }
    countdown.wait();
    uint64_t before = recording.end_ns();
    Events events = events_of(recording);
    EXPECT_EQ(before, 0u);
    EXPECT_GT(recording.lost(), 800u);
    follow(events);
    EXPECT_EQ(count(events, EventKind::created), 8);
    EXPECT_GT(events.size(), EventRecording::bytes_min / 64);
    EXPECT_LE(events.back().time_ns, recording.end_ns());
  });
}

TEST(Events, OneRecordsAtATimeAndOnlyARuntime) {
  Result<EventRecording> early = EventRecording::start(plenty);
  ASSERT_FALSE(early.has_value());
  EXPECT_EQ(early.error().code(), Code::failed_precondition);
  Runtime runtime{{.max_procs = 1}};
  {
    EventRecording recording = must_start();
    Result<EventRecording> second = EventRecording::start(plenty);
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().code(), Code::already_exists);
    EventRecording moved = std::move(recording);
    recording.stop();
    EXPECT_TRUE(is_recording());
  }
  EXPECT_TRUE(EventRecording::start(plenty).has_value());
}

TEST(Events, ARecordingGoesOnFromOneRuntimeToTheNext) {
  std::optional<EventRecording> recording;
  {
    Runtime runtime{{.max_procs = 2}};
    recording.emplace(must_start());
  }
  uint64_t id = 0;
  {
    Runtime runtime{{.max_procs = 2}};
    runtime.block_on([&] {
      id = goroutine_id();
      yield();
    });
  }
  Events events = events_of(*recording);
  follow(events);
  EXPECT_EQ(count(events, EventKind::yielded, id), 1);
}

// Starts and stops while everything goes on: nothing is torn, nothing out of order.
TEST(Events, StartAndStopUnderLoad) {
  constexpr int recordings = 50;
  Runtime runtime{{.max_procs = 4}};
  runtime.block_on([&] {
    constexpr int workers = 8;
    std::atomic<bool> stop{false};
    Countdown countdown(workers);
    for (int i = 0; i < workers; ++i) {
      go([&] {
        while (!stop.load(std::memory_order_relaxed)) {
          Countdown children(3);
          for (int j = 0; j < 3; ++j) {
            go([&] {
              yield();
              children.done();
            });
          }
          blocking([] {});
          children.wait();
        }
        countdown.done();
      });
    }
    for (int i = 0; i < recordings; ++i) {
      EventRecording recording = must_start();
      for (int j = 0; j < 200; ++j) yield();
      Events events = events_of(recording);
      follow(events);
      EXPECT_FALSE(events.empty());
    }
    stop.store(true, std::memory_order_relaxed);
    countdown.wait();
  });
}

}  // namespace
}  // namespace sluice::runtime
