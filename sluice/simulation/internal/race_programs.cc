// SPDX-License-Identifier: Apache-2.0

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "sluice/chan/channel.h"
#include "sluice/chan/select.h"
#include "sluice/context/context.h"
#include "sluice/runtime/go.h"
#include "sluice/simulation/internal/test_programs.h"
#include "sluice/simulation/internal/watched.h"
#include "sluice/simulation/simulate.h"
#include "sluice/sync/mutex.h"
#include "sluice/sync/once.h"
#include "sluice/sync/rw_mutex.h"
#include "sluice/sync/semaphore.h"
#include "sluice/sync/wait_group.h"

using namespace std::chrono_literals;

namespace sluice::simulation::internal {

namespace {

void expect(bool holds, const char* what) {
  if (!holds) fail(what);
}

// It may end, and its memory be used again, as soon as wait() has returned; and be used again.
void wait_group_ends() {
  Grave<sync::WaitGroup> grave;
  sync::WaitGroup& group = grave.make();
  int ended = 0;
  for (int round = 1; round <= 2; ++round) {
    for (int i = 0; i < 2; ++i) {
      group.add();
      go([&group, &ended] {
        std::atomic_ref(ended).fetch_add(1);
        group.done();
      });
    }
    group.wait();
    expect(ended == 2 * round, "wait() returned early");
  }
  grave.bury();
}

void wait_group_of_many() {
  sync::WaitGroup group, waiters;
  int ended = 0;
  group.add(2);
  for (int i = 0; i < 2; ++i)
    waiters.go([&] {
      group.wait();
      expect(ended == 2, "wait() returned early");
    });
  for (int i = 0; i < 2; ++i)
    go([&] {
      std::atomic_ref(ended).fetch_add(1);
      group.done();
    });
  waiters.wait();
}

void once_value_is_made_once() {
  sync::OnceValue<Watched> once;
  int made = 0;
  sync::WaitGroup group;
  for (int i = 0; i < 3; ++i)
    group.go([&] { expect(once.get([&] { return Watched(++made); }).value() == 1, "made twice"); });
  group.wait();
}

void rw_mutex_tries() {
  sync::RWMutex mutex;
  int readers = 0, writers = 0;
  auto read = [&] {
    ++readers;
    expect(writers == 0, "a reader beside a writer");
    yield();
    --readers;
  };
  auto write = [&] {
    ++writers;
    expect(readers == 0 && writers == 1, "a writer beside somebody");
    yield();
    --writers;
  };
  sync::WaitGroup group;
  group.go([&] {
    std::shared_lock lock(mutex, std::try_to_lock);
    if (lock) read();
  });
  group.go([&] {
    std::unique_lock lock(mutex, std::try_to_lock);
    if (lock) write();
  });
  group.go([&] {
    std::shared_lock lock(mutex);
    read();
  });
  group.go([&] {
    std::unique_lock lock(mutex);
    write();
  });
  group.wait();
  expect(mutex.try_lock(), "it is still locked");
}

// A newcomer who does not wait, beside two who do, of whom one is woken.
void mutex_try_lock_and_waiters() {
  sync::Mutex mutex;
  int inside = 0;
  auto use = [&] {
    expect(++inside == 1, "two are inside the mutex");
    yield();
    --inside;
    mutex.unlock();
  };
  sync::WaitGroup group;
  for (int i = 0; i < 3; ++i)
    group.go([&] {
      mutex.lock();
      use();
    });
  group.go([&] {
    for (int i = 0; i < 2; ++i)
      if (mutex.try_lock()) use();
  });
  group.wait();
  expect(mutex.try_lock(), "it is still locked");
}

void semaphore_tries() {
  sync::Semaphore semaphore(1);
  int inside = 0;
  sync::WaitGroup group;
  for (int i = 0; i < 3; ++i)
    group.go([&, i] {
      if (i == 0 ? !semaphore.try_acquire() : !semaphore.acquire(Context())) return;
      expect(++inside == 1, "more units than there are");
      yield();
      --inside;
      semaphore.release();
    });
  group.wait();
  expect(semaphore.try_acquire(), "a unit is lost");
}

// Several want to serve the same select: one does, the others find it served.
void select_is_claimed_once() {
  Channel<int> left, right;
  sync::WaitGroup group;
  int taken = 0, sent = 0;
  group.go([&, left, right] {
    select(on_receive(left, [&](int) { ++taken; }), on_receive(right, [&](int) { ++taken; }),
           on_timeout(1ms));
  });
  group.go([&, left] { sent += left.try_send(1); });
  group.go([&, right] { sent += right.try_send(2); });
  group.go([&, right] { select(on_send(right, 3, [&] { ++sent; }), on_default([] {})); });
  group.wait();
  expect(sent == taken && sent <= 1, "a select was served twice, or a value is lost");
}

// At every moment one of them is ready: the default is never right.
void default_beside_one_that_is_ready() {
  Channel<int> left(1), right(1);
  left.send(1);
  sync::WaitGroup group;
  group.go([left, right] {
    right.send(2);
    left.try_receive();
  });
  int taken = 0;
  select(on_receive(left, [&](int value) { taken = value; }),
         on_receive(right, [&](int value) { taken = value; }), on_default([] {}));
  group.wait();
  expect(taken != 0, "the default, though something was ready all the time");
}

// The timers of selects whose frames follow each other on one stack, against values.
void select_timers_end() {
  Channel<int> channel;
  sync::WaitGroup group;
  int received = 0, sent = 0;
  group.go([&, channel] {
    for (int i = 0; i < 2; ++i) {
      sleep_for(1ms);
      select(on_send(channel, 1, [&] { ++sent; }), on_timeout(0ms));
    }
  });
  for (int i = 0; i < 2; ++i)
    select(on_receive(channel, [&](int value) { received += value; }), on_timeout(1ms));
  group.wait();
  expect(sent == received, "the sender's case and the receiver's differ");
}

// What a function holds is let go once, whoever comes first, and however many can stop it.
void after_func_lets_go() {
  int ended = 0, ran = 0;
  struct Held {
    int* ended;
    ~Held() { ++*ended; }
  };
  bool stopped[2];
  {
    auto [context, cancel] = with_cancel(Context());
    sync::WaitGroup group;
    StopFunc stop = after_func(context, [held = std::make_shared<Held>(&ended), &ran] { ++ran; });
    for (bool& mine : stopped) group.go([&mine, stop] { mine = stop(); });
    stop = StopFunc();
    group.go([cancel = std::move(cancel)] { cancel(); });
    group.wait();
    sleep_for(1ms);
  }
  expect(ran + stopped[0] + stopped[1] == 1, "stopped and run, or twice, or not at all");
  expect(ended == 1, "what the function held is not let go, or twice");
}

// A context's values go with the last handle, whoever has it.
void contexts_are_freed_once() {
  struct Value {
    std::shared_ptr<Watched> watched;
  };
  auto watched = std::make_shared<Watched>(7);
  {
    auto [parent, cancel] = with_cancel(Context());
    sync::WaitGroup group;
    for (int i = 0; i < 2; ++i)
      group.go([context = with_value<Value>(parent, Value{watched})] {
        Context copy = context;
        auto [child, cancel_child] = with_cancel(copy);
        expect(child.value<Value>()->watched->value() == 7, "a value of another context");
      });
    group.go([cancel = std::move(cancel)] { cancel(); });
    group.wait();
  }
  expect(watched.use_count() == 1, "a context is not freed");
}

// The last handle of a channel takes with it what is in the buffer.
void channels_are_freed_once() {
  auto watched = std::make_shared<Watched>(7);
  {
    Channel<std::shared_ptr<Watched>> channel(1);
    sync::WaitGroup group;
    group.go([channel, watched = watched] { channel.try_send(watched); });
    group.go([channel = std::move(channel)] {
      if (auto got = channel.try_receive()) expect((*got)->value() == 7, "a value that is none");
    });
    group.wait();
  }
  expect(watched.use_count() == 1, "a channel is not freed");
}

}  // namespace

const std::vector<TestProgram>& race_programs() {
  static const std::vector<TestProgram> programs{
      {"wait_group: used again, ends", 3, wait_group_ends},
      {"wait_group: 2 waiters, 2 to wait for", 2, wait_group_of_many},
      {"once: a value", 3, once_value_is_made_once},
      {"rw_mutex: tries", 2, rw_mutex_tries},
      {"mutex: try_lock beside waiters", 2, mutex_try_lock_and_waiters},
      {"semaphore: tries", 2, semaphore_tries},
      {"select: claimed once", 2, select_is_claimed_once},
      {"select: default beside what is ready", 3, default_beside_one_that_is_ready},
      {"select: timers end", 3, select_timers_end},
      {"context: after_func lets go", 2, after_func_lets_go},
      {"context: freed once", 2, contexts_are_freed_once},
      {"channel: freed once", 3, channels_are_freed_once},
  };
  return programs;
}

}  // namespace sluice::simulation::internal
