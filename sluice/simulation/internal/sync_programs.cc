// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>

#include "sluice/chan/channel.h"
#include "sluice/context/context.h"
#include "sluice/runtime/go.h"
#include "sluice/simulation/internal/test_programs.h"
#include "sluice/simulation/simulate.h"
#include "sluice/sync/cond.h"
#include "sluice/sync/group.h"
#include "sluice/sync/map.h"
#include "sluice/sync/mutex.h"
#include "sluice/sync/once.h"
#include "sluice/sync/pool.h"
#include "sluice/sync/rw_mutex.h"
#include "sluice/sync/semaphore.h"
#include "sluice/sync/single_flight.h"
#include "sluice/sync/wait_group.h"

using namespace std::chrono_literals;

namespace sluice::simulation::internal {

namespace {

void expect(bool holds, const char* what) {
  if (!holds) fail(what);
}

void mutex_excludes() {
  sync::Mutex mutex;
  int inside = 0;
  sync::WaitGroup group;
  for (int i = 0; i < 3; ++i)
    group.go([&] {
      std::lock_guard lock(mutex);
      expect(++inside == 1, "two are inside the mutex");
      yield();
      --inside;
    });
  group.wait();
}

void try_lock_excludes() {
  sync::Mutex mutex;
  int inside = 0;
  sync::WaitGroup group;
  for (int i = 0; i < 3; ++i)
    group.go([&, i] {
      std::unique_lock lock(mutex, std::defer_lock);
      if (i == 0 ? !lock.try_lock() : (lock.lock(), false)) return;
      expect(++inside == 1, "two are inside the mutex");
      yield();
      --inside;
    });
  group.wait();
}

// Who waits for more than a millisecond is handed the lock.
void mutex_is_handed_over() {
  sync::Mutex mutex;
  int inside = 0;
  sync::WaitGroup group;
  for (int i = 0; i < 2; ++i)
    group.go([&] {
      for (int k = 0; k < 3; ++k) {
        std::lock_guard lock(mutex);
        expect(++inside == 1, "two are inside the mutex");
        sleep_for(2ms);
        --inside;
      }
    });
  group.wait();
}

void readers_and_a_writer() {
  sync::RWMutex mutex;
  int readers = 0, writers = 0;
  sync::WaitGroup group;
  for (int i = 0; i < 2; ++i)
    group.go([&] {
      std::shared_lock lock(mutex);
      ++readers;
      expect(writers == 0, "a reader beside a writer");
      yield();
      --readers;
    });
  group.go([&] {
    std::unique_lock lock(mutex);
    ++writers;
    expect(readers == 0 && writers == 1, "a writer beside somebody");
    yield();
    --writers;
  });
  group.wait();
}

void everybody_waits_for_all() {
  sync::WaitGroup group;
  int ended = 0;
  for (int i = 0; i < 2; ++i) group.go([&] { ++ended; });
  sync::WaitGroup waiters;
  waiters.add(1);
  go([&] {
    group.wait();
    expect(ended == 2, "wait() returned early");
    waiters.done();
  });
  group.wait();
  expect(ended == 2, "wait() returned early");
  waiters.wait();
}

void once_is_once() {
  sync::Once once;
  int calls = 0;
  sync::WaitGroup group;
  for (int i = 0; i < 3; ++i)
    group.go([&] {
      once.call([&] {
        yield();
        ++calls;
      });
      expect(calls == 1, "call() returned before the function had");
    });
  group.wait();
}

// Two units: one is held until the third has got the other one, for which the second, who wants
// both and gives up, stands in the way.
void semaphore_and_a_cancel() {
  sync::Semaphore semaphore(2);
  auto [context, cancel] = with_cancel(Context());
  int64_t used = 0;
  Channel<Unit> third_was_there;
  auto use = [&](const Context& until, int64_t n, auto meanwhile) {
    if (!semaphore.acquire(until, n)) return;
    used += n;
    expect(used <= 2, "more units than there are");
    meanwhile();
    used -= n;
    semaphore.release(n);
  };
  sync::WaitGroup group;
  group.go([&] { use(Context(), 1, [&] { third_was_there.receive(); }); });
  group.go([&, context = context] { use(context, 2, [] {}); });
  group.go([&] {
    use(Context(), 1, [] {});
    third_was_there.close();
  });
  group.go([cancel = std::move(cancel)] { cancel(); });
  group.wait();
  expect(semaphore.try_acquire(2), "a unit is lost");
  semaphore.release(2);
}

void condition_wakes() {
  sync::Mutex mutex;
  sync::Cond cond;
  int ready = 0;
  sync::WaitGroup group;
  for (int i = 0; i < 2; ++i)
    group.go([&] {
      std::unique_lock lock(mutex);
      cond.wait(lock, [&] { return ready > 0; });
      --ready;
    });
  for (int i = 0; i < 2; ++i) {
    std::lock_guard lock(mutex);
    ++ready;
    cond.signal();
  }
  group.wait();
}

void group_cancels_the_others() {
  sync::Group group;
  group.go([]() -> Result<void> { return Error(Code::aborted, "first"); });
  group.go([](const Context& context) -> Result<void> {
    context.done().receive();
    return *context.err();
  });
  Result<void> result = group.wait();
  expect(!result && result.error().code() == Code::aborted, "not the first error");
}

void one_flight() {
  sync::SingleFlight<int, int> flights;
  int flown = 0, answers = 0;
  sync::WaitGroup group;
  for (int i = 0; i < 2; ++i)
    group.go([&] {
      auto answer = flights.call(Context(), 1, [&]() -> Result<int> { return ++flown; });
      expect(answer.result && *answer.result <= flown, "an answer that nobody gave");
      ++answers;
    });
  group.wait();
  expect(answers == 2 && flown >= 1 && flown <= 2, "a caller without an answer");
}

struct Lent {
  bool used = false;
};

void pool_lends_once() {
  sync::Pool<Lent> pool;
  sync::WaitGroup group;
  for (int i = 0; i < 3; ++i)
    group.go([&] {
      for (int k = 0; k < 2; ++k) {
        auto lease = pool.get();
        expect(!lease->used, "an object is lent twice");
        lease->used = true;
        yield();
        lease->used = false;
      }
    });
  group.go([&] { pool.age(); });
  group.wait();
}

// What is read was stored under that key, and stays readable while it is looked at.
void map_with_a_reader() {
  sync::Map<int, std::shared_ptr<int>> map;
  map.store(1, std::make_shared<int>(1));
  sync::WaitGroup group;
  group.go([&] {
    for (int i = 2; i < 12; ++i) map.store(i, std::make_shared<int>(i));  // it grows
    map.erase(1);
  });
  group.go([&] {
    bool gone = false;
    for (int i = 0; i < 3; ++i) {
      std::optional<std::shared_ptr<int>> found = map.load(1);
      expect(!found || **found == 1, "a value of another key");
      expect(!(gone && found), "what was erased is there again");
      gone = !found;
    }
  });
  group.wait();
  expect(map.size() == 10 && !map.contains(1), "an entry is lost");
}

void map_with_two_writers() {
  sync::Map<int, int> map;
  sync::WaitGroup group;
  int stored = 0;
  for (int i = 0; i < 2; ++i)
    group.go([&, i] {
      stored += !map.load_or_store(7, i).loaded;
      int seen = *map.load(7);
      while (!map.compare_and_swap(7, seen, seen + 10)) seen = *map.load(7);
    });
  group.wait();
  expect(stored == 1, "stored twice");
  expect(*map.load(7) >= 20, "an update is lost");
}

}  // namespace

const std::vector<TestProgram>& sync_programs() {
  static const std::vector<TestProgram> programs{
      {"mutex: 3 goroutines", 2, mutex_excludes},
      {"mutex: try_lock", 2, try_lock_excludes},
      {"mutex: handed over", 2, mutex_is_handed_over},
      {"rw_mutex: 2 readers, a writer", 2, readers_and_a_writer},
      {"wait_group: 2 waiters", 2, everybody_waits_for_all},
      {"once", 2, once_is_once},
      {"semaphore: cancel", 2, semaphore_and_a_cancel},
      {"cond: 2 waiters", 2, condition_wakes},
      {"group: first error", 2, group_cancels_the_others},
      {"single_flight", 2, one_flight},
      {"pool: 3 goroutines, ageing", 2, pool_lends_once},
      {"map: writer and reader", 2, map_with_a_reader},
      {"map: 2 writers", 2, map_with_two_writers},
  };
  return programs;
}

}  // namespace sluice::simulation::internal
