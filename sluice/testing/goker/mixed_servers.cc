// SPDX-License-Identifier: Apache-2.0

// Goroutines that wait at a channel, condition or wait group with a lock that the other side needs:
// in servers and their libraries.

// tidy: tested-by: sluice/testing/goker_test.cc

#include <memory>
#include <mutex>

#include "sluice/chan/channel.h"
#include "sluice/chan/select.h"
#include "sluice/sync/mutex.h"
#include "sluice/sync/rw_mutex.h"
#include "sluice/sync/wait_group.h"
#include "sluice/testing/goker/program.h"

namespace sluice::testing::goker {

namespace {

using std::make_shared;

// Draining waits, under the lock, for a task that has yet to take the lock to be counted down.
void cockroach_1055(bool fixed) {
  struct Stopper {
    sync::Mutex mutex;
    sync::WaitGroup drain;
    Channel<Unit> stop;
  };
  auto stopper = make_shared<Stopper>();
  Channel<Unit> started;
  go([=] {
    {
      std::lock_guard lock(stopper->mutex);
      stopper->drain.add();
    }
    started.send({});
    if (fixed) stopper->drain.done();
    stopper->stop.receive();
  });
  started.receive();
  Channel<Unit> done;
  go([=] {
    {
      std::lock_guard quiesce(stopper->mutex);
      stopper->drain.wait();
    }
    stopper->stop.close();
    done.close();
  });
  done.receive();
}

// The worker sends to who has stopped receiving, and stop() waits for the worker.
void cockroach_1462(bool fixed) {
  Channel<int> events;
  Channel<Unit> stop;
  sync::WaitGroup workers;
  workers.go([=] {
    for (bool open = true; open;) {
      if (fixed)
        select(on_send(events, 0), on_receive(stop, [&] { open = false; }));
      else
        events.send(0);
    }
  });
  settle();
  stop.close();
  workers.wait();
}

// stop() holds the lock while it waits for the loop, which needs the lock for its last item.
void etcd_6873(bool fixed) {
  struct Broadcasts {
    sync::Mutex mutex;
    Channel<int> updates{1};
    Channel<Unit> done;
  };
  auto broadcasts = make_shared<Broadcasts>();
  broadcasts->updates.send(1);
  go([=] {
    std::unique_lock stop(broadcasts->mutex);
    broadcasts->updates.close();
    if (fixed) stop.unlock();
    settle();
    broadcasts->done.receive();
  });
  settle();
  go([=] {
    for ([[maybe_unused]] int update : broadcasts->updates)
      std::lock_guard coalesce(broadcasts->mutex);
    broadcasts->done.close();
  });
}

// The keeper deletes a token under the lock that an assigner holds while it waits for the keeper.
void etcd_7492(bool fixed) {
  struct Tokens {
    sync::RWMutex mutex;
    Channel<Unit> add;
    Channel<Unit> tick{1};
  };
  auto tokens = make_shared<Tokens>();
  tokens->tick.send({});
  go([=] {
    tokens->tick.receive();
    settle();
    {
      std::lock_guard remove(tokens->mutex);
    }
    tokens->add.receive();
    tokens->add.receive();
  });
  sync::WaitGroup group;
  for (int i = 0; i < 2; ++i)
    group.go([=] {
      std::unique_lock assign(tokens->mutex);
      if (fixed) assign.unlock();
      tokens->add.send({});
    });
  group.wait();
}

// A follower waits, under the lock, for the leader's signal; the leader needs the lock to give it.
void etcd_7902(bool fixed) {
  auto mutex = make_shared<sync::Mutex>();
  Channel<bool> next;
  sync::WaitGroup group;
  group.go([=] {
    std::unique_lock follower(*mutex);
    if (fixed) follower.unlock();
    next.receive();
  });
  settle();
  group.go([=] {
    std::lock_guard leader(*mutex);
    next.close();
  });
  group.wait();
}

// Keepalive sleeps with the lock that a new stream needs to wake it.
void grpc_1460(bool fixed) {
  struct Client {
    sync::Mutex mutex;
    Channel<Unit> awaken;
  };
  auto client = make_shared<Client>();
  go([=] {
    std::unique_lock keepalive(client->mutex);
    if (fixed) keepalive.unlock();
    client->awaken.receive();
  });
  settle();
  go([=] {
    std::lock_guard stream(client->mutex);
    bool sent = false;
    select(on_send(client->awaken, Unit{}, [&] { sent = true; }), on_default([] {}));
  });
}

// The delayed deletion that was called off returns with the lock held.
void grpc_3017(bool fixed) {
  auto mutex = make_shared<sync::Mutex>();
  Channel<Unit> called_off, done;
  go([=] {
    called_off.receive();
    mutex->lock();
    if (fixed) mutex->unlock();
    called_off.close();
  });
  go([=] {
    called_off.send({});
    called_off.receive();
    {
      std::lock_guard remove(*mutex);
    }
    done.close();
  });
  done.receive();
}

// The handler sends under the lock that the receiver takes first.
void istio_16224(bool fixed) {
  auto mutex = make_shared<sync::Mutex>();
  Channel<bool> done, events;
  go([=] {
    events.receive();
    std::unique_lock handler(*mutex);
    if (fixed) handler.unlock();
    done.send(true);
  });
  events.send(true);
  settle();
  {
    std::lock_guard check(*mutex);
  }
  done.receive();
}

constexpr Program programs[] = {
    {"cockroach/1055", "drains under the lock for who never counts down", 3, cockroach_1055},
    {"cockroach/1462", "stop waits for a sender without receiver", 2, cockroach_1462},
    {"etcd/6873", "waits for the loop with the lock that it needs", 2, etcd_6873},
    {"etcd/7492", "sends under the lock that the receiver needs", 4, etcd_7492},
    {"etcd/7902", "waits under the lock that the waker needs", 3, etcd_7902},
    {"grpc/1460", "waits under the lock that the waker needs", 2, grpc_1460},
    {"grpc/3017", "unlock missing on one way out", 2, grpc_3017},
    {"istio/16224", "sends under the lock that the receiver needs", 2, istio_16224},
};

}  // namespace

std::span<const Program> mixed_server_programs() { return programs; }

}  // namespace sluice::testing::goker
