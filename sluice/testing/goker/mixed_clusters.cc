// SPDX-License-Identifier: Apache-2.0

// Goroutines that wait at a channel, condition or wait group with a lock that the other side needs:
// in what runs containers, and Syncthing.

// tidy: tested-by: sluice/testing/goker_test.cc

#include <memory>
#include <mutex>
#include <shared_mutex>

#include "sluice/chan/channel.h"
#include "sluice/chan/select.h"
#include "sluice/sync/cond.h"
#include "sluice/sync/mutex.h"
#include "sluice/sync/once.h"
#include "sluice/sync/rw_mutex.h"
#include "sluice/testing/goker/program.h"

namespace sluice::testing::goker {

namespace {

using std::make_shared;

// A status is sent under the lock that its reader takes to handle the one before.
void kubernetes_10182(bool fixed) {
  struct Statuses {
    sync::RWMutex mutex;
    Channel<bool> channel;
    void set(bool fixed) {
      std::unique_lock lock(mutex);
      if (fixed) lock.unlock();
      channel.send(true);
    }
  };
  auto statuses = make_shared<Statuses>();
  go([=] {
    for (int i = 0; i < 2; ++i) {
      statuses->channel.receive();
      settle();
      std::lock_guard remove(statuses->mutex);
    }
  });
  go([=] { statuses->set(fixed); });
  go([=] { statuses->set(fixed); });
}

// The cache is filled under a lock, and what handles an event of the filling takes it.
void kubernetes_13135(bool fixed) {
  struct Cacher {
    sync::Mutex cacher;
    sync::RWMutex watch;
  };
  auto cacher = make_shared<Cacher>();
  go([=] {
    std::unique_lock caching(cacher->cacher);
    settle();
    if (fixed) caching.unlock();
    std::lock_guard replace(cacher->watch);
  });
  go([=] {
    std::unique_lock add(cacher->watch);
    settle();
    std::lock_guard event(cacher->cacher);
  });
}

// Distributing sends under the lock that stopping the watcher needs to close its channel.
void kubernetes_1321(bool fixed) {
  struct Mux {
    sync::Mutex mutex;
    Channel<Unit> result, stopped;
  };
  auto mux = make_shared<Mux>();
  go([=] {
    std::lock_guard distribute(mux->mutex);
    if (fixed)
      select(on_send(mux->result, Unit{}), on_receive(mux->stopped));
    else
      mux->result.send({});
  });
  settle();
  mux->stopped.close();
  std::lock_guard stop(mux->mutex);
  mux->result.close();
}

// pop() waits, under the lock, for the end of who waits for the lock.
void kubernetes_26980(bool fixed) {
  struct Listener {
    sync::RWMutex mutex;
    Channel<Unit> stop, result;
  };
  auto listener = make_shared<Listener>();
  go([=] {
    std::unique_lock pop(listener->mutex);
    if (fixed) pop.unlock();
    listener->stop.receive();
  });
  settle();
  go([=] {
    std::lock_guard lock(listener->mutex);
    listener->result.close();
  });
  listener->result.receive();
  listener->stop.close();
}

// A worker waits for a job with a read lock; a writer waits for it, and readers behind the writer.
void kubernetes_58107(bool fixed) {
  struct Queue {
    sync::RWMutex workers;
    sync::Mutex mutex;
    sync::Cond cond;
  };
  auto queue = make_shared<Queue>();
  go([=] {
    std::shared_lock worker(queue->workers);
    if (fixed) worker.unlock();
    std::unique_lock lock(queue->mutex);
    queue->cond.wait(lock);
  });
  settle();
  go([=] { std::lock_guard sync(queue->workers); });
  settle();
  go([=] {
    std::shared_lock worker(queue->workers);
    queue->cond.signal();
  });
}

// A frame is written to a full channel under the lock that the monitor needs to close it.
void kubernetes_6632(bool fixed) {
  struct Framer {
    sync::Mutex write;
    Channel<bool> reset, close;
  };
  auto framer = make_shared<Framer>();
  go([=] {
    framer->close.receive();
    if (fixed) framer->reset.receive();  // drained
    std::lock_guard monitor(framer->write);
    framer->reset.close();
  });
  go([=] {
    std::lock_guard frame(framer->write);
    framer->reset.send(true);
  });
  settle();
  framer->close.send(true);
}

// Removing a watch waits for an event that comes only while somebody reads events.
void moby_27782(bool fixed) {
  struct Watcher {
    sync::Mutex mutex, logger;
    sync::Cond removed;
    Channel<int> events;
    Channel<Unit> close;
  };
  auto watcher = make_shared<Watcher>();
  go([=] {
    std::lock_guard logs(watcher->logger);
    watcher->close.receive();
    std::unique_lock lock(watcher->mutex);
    if (!fixed) watcher->removed.wait(lock);
  });
  settle();
  watcher->close.send({});
  settle();
  std::lock_guard reset(watcher->logger);
}

// The state changes under the lock, and stops the monitor, which takes the lock before it looks.
void moby_28462(bool fixed) {
  struct Container {
    sync::Mutex mutex;
    Channel<Unit> stop, locked;
  };
  auto container = make_shared<Container>();
  go([=] {
    std::unique_lock changed(container->mutex);
    container->locked.close();
    settle();
    if (fixed) changed.unlock();
    container->stop.send({});
  });
  go([=] {
    container->locked.receive();
    {
      std::lock_guard probe(container->mutex);
    }
    container->stop.receive();
  });
}

// A plugin that fails to start never says so.
void moby_29733(bool fixed) {
  struct Plugin {
    sync::Mutex mutex;
    sync::Cond activated;
    bool active = false;
  };
  auto plugin = make_shared<Plugin>();
  Channel<Unit> done;
  go([=] {
    std::unique_lock lock(plugin->mutex);
    plugin->activated.wait(lock, [&] { return plugin->active; });
    done.close();
  });
  settle();
  if (fixed) {
    std::lock_guard lock(plugin->mutex);
    plugin->active = true;
    plugin->activated.broadcast();
  }
  done.receive();
}

// It waits for a manifest, and the error that came instead is not looked at.
void moby_30408(bool fixed) {
  struct Plugin {
    sync::Mutex mutex;
    sync::Cond wait;
    bool has_manifest = false;
    bool failed = true;
  };
  auto plugin = make_shared<Plugin>();
  Channel<Unit> done;
  go([=] {
    std::unique_lock lock(plugin->mutex);
    while (!plugin->has_manifest && !(fixed && plugin->failed)) plugin->wait.wait(lock);
    done.close();
  });
  done.receive();
}

// Both requests hold a place, and each waits for the lock that is let go after the other.
void serving_2137(bool fixed) {
  struct Request {
    sync::Mutex lock;
    Channel<bool> accepted{1};
  };
  Channel<Unit> active(fixed ? 2 : 1);
  auto first = make_shared<Request>();
  auto second = make_shared<Request>();
  for (const auto& request : {second, first}) {
    request->lock.lock();
    go([=] {
      active.send({});
      {
        std::lock_guard work(request->lock);
      }
      active.receive();
      request->accepted.send(true);
    });
    settle();
  }
  first->lock.unlock();
  first->accepted.receive();
  second->lock.unlock();
}

// The dispatcher, in a handler, closes the connection, which waits for the dispatcher.
void syncthing_5795(bool fixed) {
  struct Connection {
    Channel<int> inbox;
    Channel<Unit> closed, dispatcher_stopped;
    sync::Once close_once;
    void close(bool waits) {
      close_once.call([&] {
        closed.close();
        if (waits) dispatcher_stopped.receive();
      });
    }
  };
  auto connection = make_shared<Connection>();
  go([=] {
    connection->inbox.receive();
    connection->close(!fixed);
    connection->dispatcher_stopped.close();
  });
  connection->inbox.send(1);
  connection->dispatcher_stopped.receive();
}

constexpr Program programs[] = {
    {"kubernetes/1321", "sends under the lock that the closer needs", 2, kubernetes_1321},
    {"kubernetes/6632", "sends under the lock that the closer needs", 2, kubernetes_6632},
    {"kubernetes/10182", "sends under the lock that the receiver needs", 2, kubernetes_10182},
    {"kubernetes/13135", "two locks in two orders", 2, kubernetes_13135},
    {"kubernetes/26980", "waits under the lock that the waker needs", 3, kubernetes_26980},
    {"kubernetes/58107", "waits with a read lock, a writer between", 3, kubernetes_58107},
    {"moby/27782", "condition that nobody signals, under a lock", 2, moby_27782},
    {"moby/28462", "sends under the lock that the receiver needs", 2, moby_28462},
    {"moby/29733", "condition that nobody signals", 2, moby_29733},
    {"moby/30408", "condition that nobody signals", 2, moby_30408},
    {"serving/2137", "two that hold a place for each other", 3, serving_2137},
    {"syncthing/5795", "waits for itself inside a once", 2, syncthing_5795},
};

}  // namespace

std::span<const Program> mixed_cluster_programs() { return programs; }

}  // namespace sluice::testing::goker
