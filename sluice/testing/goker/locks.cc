// SPDX-License-Identifier: Apache-2.0

// Goroutines that wait for a lock: taken twice, not given back, or in two orders.

// tidy: tested-by: sluice/testing/goker_test.cc

#include <iterator>
#include <memory>
#include <mutex>
#include <shared_mutex>

#include "sluice/chan/channel.h"
#include "sluice/sync/mutex.h"
#include "sluice/sync/once.h"
#include "sluice/sync/rw_mutex.h"
#include "sluice/sync/wait_group.h"
#include "sluice/testing/goker/program.h"

namespace sluice::testing::goker {

namespace {

using std::make_shared;

// The loop that sees the end leaves with the lock held.
void cockroach_584(bool fixed) {
  struct Gossip {
    sync::Mutex mutex;
    bool closed = true;
    void wait_for_end(bool fixed) {
      for (;;) {
        mutex.lock();
        if (closed) break;
        mutex.unlock();
      }
      if (fixed) mutex.unlock();
    }
  };
  auto gossip = make_shared<Gossip>();
  go([gossip, fixed] {
    gossip->wait_for_end(fixed);  // bootstrap
    gossip->wait_for_end(fixed);  // manage
  });
}

// An error path locks what its caller has locked.
void cockroach_9935(bool fixed) {
  struct Log {
    sync::Mutex mutex;
    void exit() { std::lock_guard lock(mutex); }
    void output(bool fixed) {
      mutex.lock();
      bool failed = true;
      if (fixed) mutex.unlock();
      if (failed) exit();
      if (!fixed) mutex.unlock();
    }
  };
  auto log = make_shared<Log>();
  go([log, fixed] { log->output(fixed); });
}

// Two locks in two orders: heartbeats hold the store's and want a replica's, its tick the reverse.
void cockroach_10214(bool fixed) {
  struct Store {
    sync::Mutex coalesced;
    sync::Mutex raft;
  };
  auto store = make_shared<Store>();
  go([store, fixed] {
    store->coalesced.lock();
    if (fixed) store->coalesced.unlock();  // what is queued was copied
    settle();
    store->raft.lock();
    store->raft.unlock();
    if (!fixed) store->coalesced.unlock();
  });
  go([store] {
    std::lock_guard raft(store->raft);
    settle();
    std::lock_guard coalesced(store->coalesced);
  });
}

// The cache locks the lease inside its lock, the release of a lease the cache inside the lease's.
void cockroach_7504(bool fixed) {
  struct Leases {
    sync::Mutex cache;
    sync::Mutex lease;
  };
  auto leases = make_shared<Leases>();
  go([leases] {
    std::lock_guard cache(leases->cache);
    settle();
    std::lock_guard lease(leases->lease);
  });
  go([leases, fixed] {
    std::unique_lock lease(leases->lease);
    settle();
    if (fixed) lease.unlock();
    std::lock_guard cache(leases->cache);
  });
}

// Printing under a read lock takes it again; a writer has come in between.
void cockroach_6181(bool fixed) {
  auto cache = make_shared<sync::RWMutex>();
  Channel<Unit> reading;
  sync::WaitGroup group;
  group.go([=] {
    std::shared_lock lookup(*cache);
    reading.close();
    settle();
    if (!fixed) std::shared_lock print(*cache);
  });
  group.go([=] {
    reading.receive();
    std::lock_guard update(*cache);
  });
  group.wait();
}

// The condition's lock is the reader's side of the lock that is then read-locked again.
void cockroach_16167(bool fixed) {
  auto config = make_shared<sync::RWMutex>();
  std::shared_lock parsed(*config);
  go([config] { std::lock_guard update(*config); });
  settle();
  if (fixed) parsed.unlock();
  std::shared_lock cache(*config);
}

// A scan under the store's read lock asks for the status, which read-locks it; a writer waits.
void cockroach_3710(bool fixed) {
  auto store = make_shared<sync::RWMutex>();
  Channel<Unit> scanning;
  go([=] {
    std::shared_lock scan(*store);
    scanning.close();
    settle();
    if (fixed) scan.unlock();
    std::shared_lock status(*store);
  });
  go([=] {
    scanning.receive();
    std::lock_guard process(*store);
  });
}

// The checkpointer, called under the lessor's lock, locks it.
void etcd_10492(bool fixed) {
  auto lessor = make_shared<sync::RWMutex>();
  auto checkpoint = [lessor] { std::lock_guard lock(*lessor); };
  go([lessor, checkpoint, fixed] {
    std::unique_lock renew(*lessor);
    if (fixed) renew.unlock();
    checkpoint();
  });
}

// Setting endpoints under the lock asks the leader, which read-locks it.
void etcd_6708(bool fixed) {
  auto client = make_shared<sync::RWMutex>();
  go([client, fixed] {
    std::unique_lock sync(*client);
    if (fixed) sync.unlock();
    std::shared_lock leader(*client);
  });
}

// One way out keeps the read lock, and the close that comes waits for it.
void etcd_5509(bool fixed) {
  auto client = make_shared<sync::RWMutex>();
  Channel<Unit> done;
  go([client, fixed, done] {
    client->lock_shared();
    if (fixed) client->unlock_shared();
    done.close();
  });
  done.receive();
  std::lock_guard close(*client);
}

// A second graceful stop locks what it has locked.
void grpc_795(bool fixed) {
  struct Server {
    sync::Mutex mutex;
    bool draining = false;
    void stop(bool fixed) {
      std::unique_lock lock(mutex);
      if (draining) {
        if (!fixed) mutex.lock();
        return;
      }
      draining = true;
    }
  };
  auto server = make_shared<Server>();
  for (int i = 0; i < 3; ++i) server->stop(fixed);
}

// A URL's lock is taken under the table's, and given back only with the table's.
void hugo_3251(bool fixed) {
  struct Table {
    sync::RWMutex table;
    sync::Mutex url;
  };
  auto locks = make_shared<Table>();
  sync::WaitGroup group;
  for (int i = 0; i < 2; ++i)
    group.go([locks, fixed] {
      {
        std::unique_lock table(locks->table);
        if (fixed) table.unlock();
        locks->url.lock();
      }
      settle();
      std::shared_lock table(locks->table);
      locks->url.unlock();
    });
  group.wait();
}

// The work done once locks what its starter holds, while he waits for it.
void hugo_5379(bool fixed) {
  struct Page {
    sync::Mutex content;
    sync::Once plain;
    void init_plain(bool locks) {
      plain.call([&] {
        if (locks) std::lock_guard lock(content);
      });
    }
  };
  auto page = make_shared<Page>();
  sync::WaitGroup group;
  group.go([page, fixed] {
    std::lock_guard lock(page->content);
    page->init_plain(!fixed);
  });
  group.go([page, fixed] {
    settle();
    page->init_plain(!fixed);
  });
  group.wait();
}

// Three locks' owners in a ring: the queue's pop adds a cluster, whose check asks the queue.
void kubernetes_30872(bool fixed) {
  struct Informer {
    sync::Mutex informer;
    sync::Mutex queue;
  };
  auto state = make_shared<Informer>();
  go([state, fixed] {
    std::unique_lock pop(state->queue);
    settle();
    if (fixed) pop.unlock();
    std::lock_guard add_cluster(state->informer);
  });
  go([state] {
    std::lock_guard synced(state->informer);
    settle();
    std::lock_guard has_synced(state->queue);
  });
  go([state] {
    settle();
    std::lock_guard stop(state->informer);
  });
}

// Read-locking in a function that is called under the read lock; a writer waits.
void kubernetes_62464(bool fixed) {
  auto state = make_shared<sync::RWMutex>();
  Channel<Unit> reading;
  go([=] {
    std::shared_lock get_or_default(*state);
    reading.close();
    settle();
    if (fixed) get_or_default.unlock();
    std::shared_lock get(*state);
  });
  go([=] {
    reading.receive();
    std::lock_guard set_default(*state);
  });
}

// With nothing to clean up it returns with the lock held.
void moby_17176(bool fixed) {
  auto devices = make_shared<sync::Mutex>();
  devices->lock();
  if (fixed) devices->unlock();
  go([devices] { std::lock_guard lock(*devices); });
}

// Removal holds the device's lock, lets go of the set's and takes it again.
void moby_4951(bool fixed) {
  struct Devices {
    sync::Mutex set;
    sync::Mutex device;
  };
  auto devices = make_shared<Devices>();
  for (int i = 0; i < 2; ++i)
    go([devices, fixed] {
      std::unique_lock set(devices->set);
      if (fixed) set.unlock();
      std::unique_lock device(devices->device);
      if (fixed) device.unlock();
      if (!fixed) set.unlock();
      settle();
      if (!fixed) set.lock();
    });
}

// The caller of a function that locks has locked.
void moby_36114(bool fixed) {
  auto machine = make_shared<sync::Mutex>();
  go([machine, fixed] {
    std::unique_lock add(*machine);
    if (fixed) add.unlock();
    std::lock_guard remove(*machine);
  });
}

// A failed dial goes round the loop without unlocking.
void moby_7559(bool fixed) {
  auto table = make_shared<sync::Mutex>();
  go([table, fixed] {
    for (int i = 0; i < 2; ++i) {
      table->lock();
      bool failed = i == 0;
      if (failed && !fixed) continue;
      table->unlock();
    }
  });
}

// Clearing addresses under the lock notifies, which read-locks it.
void syncthing_4829(bool fixed) {
  struct Service {
    sync::RWMutex mappings;
    sync::RWMutex addresses;
  };
  auto service = make_shared<Service>();
  go([service, fixed] {
    std::lock_guard remove(service->mappings);
    std::unique_lock clear(service->addresses);
    if (fixed) clear.unlock();
    std::shared_lock notify(service->addresses);
  });
}

constexpr Program programs[] = {
    {"cockroach/584", "unlock missing on one way out", 1, cockroach_584},
    {"cockroach/3710", "read lock taken twice, a writer between", 2, cockroach_3710},
    {"cockroach/6181", "read lock taken twice, a writer between", 3, cockroach_6181},
    {"cockroach/7504", "two locks in two orders", 2, cockroach_7504},
    {"cockroach/9935", "lock taken twice", 1, cockroach_9935},
    {"cockroach/10214", "two locks in two orders", 2, cockroach_10214},
    {"cockroach/16167", "read lock taken twice, a writer between", 2, cockroach_16167},
    {"etcd/5509", "read unlock missing on one way out", 1, etcd_5509},
    {"etcd/6708", "lock, then read lock", 1, etcd_6708},
    {"etcd/10492", "lock taken twice by a callback", 1, etcd_10492},
    {"grpc/795", "lock taken twice", 1, grpc_795},
    {"hugo/3251", "two locks in two orders", 3, hugo_3251},
    {"hugo/5379", "lock taken twice inside a once", 3, hugo_5379},
    {"kubernetes/30872", "two locks in two orders, a third waits", 3, kubernetes_30872},
    {"kubernetes/62464", "read lock taken twice, a writer between", 2, kubernetes_62464},
    {"moby/4951", "two locks in two orders", 2, moby_4951},
    {"moby/7559", "unlock missing on one way round", 1, moby_7559},
    {"moby/17176", "unlock missing on one way out", 1, moby_17176},
    {"moby/36114", "lock taken twice", 1, moby_36114},
    {"syncthing/4829", "lock, then read lock", 1, syncthing_4829},
};

}  // namespace

std::span<const Program> lock_programs() { return programs; }

}  // namespace sluice::testing::goker
