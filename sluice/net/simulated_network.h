// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "sluice/base/time.h"
#include "sluice/runtime/simulation.h"

namespace sluice::net {

namespace internal::simulated {
class World;
}

// How often a simulated network fails: in a million of the events that each can happen to.
// 0, the default of all, is never. Unix sockets know the last four only.
struct NetworkFaults {
  uint32_t latency_spike = 0;    // segments: up to a second late
  uint32_t loss = 0;             // segments and SYNs: sent again after 200 ms (1 s), 400 ms, ...
  uint32_t reset = 0;            // segments: the connection is reset for both ends
  uint32_t partition = 0;        // segments: nothing passes to and from one of the two hosts
  uint32_t connect_refused = 0;  // connects, though somebody listens
  uint32_t connect_timeout = 0;  // connects: no SYN arrives, ETIMEDOUT after 127 s
  uint32_t slow_reader = 0;      // writes: the peer's window is a few bytes for a while
  uint32_t accept_shortage = 0;  // accepts of a waiting connection: EMFILE
  uint32_t short_read = 0;       // reads take a part of what is there
  uint32_t short_write = 0;      // writes take a part of what there is room for

  // A bad day: all of them, each often enough to be met by a test of some thousand requests.
  static NetworkFaults rough();
};

// What a simulated network has carried, and what it has done to it.
struct NetworkCounts {
  uint64_t connections = 0;  // that were established
  uint64_t segments = 0;     // of data
  uint64_t bytes = 0;
  uint64_t latency_spikes = 0;
  uint64_t losses = 0;
  uint64_t resets = 0;
  uint64_t partitions = 0;  // those by call, too
  uint64_t connects_refused = 0;
  uint64_t connects_timed_out = 0;
  uint64_t slow_readers = 0;
  uint64_t accept_shortages = 0;
  uint64_t short_reads = 0;
  uint64_t short_writes = 0;

  friend bool operator==(const NetworkCounts&, const NetworkCounts&) = default;
};

// A network in memory, in the kernel's place: while it lives, every socket that sluice::net opens
// is one of its own, and net, http and all above run on it unchanged. Names are its own too; no
// query leaves the process.
//
// Any address may be bound and dialled, and its text without the port is a host. Whoever dials
// without a local address (DialerOptions::local) does so from 10.0.0.1 or fd00::1, or from the
// loopback when it dials that. Bytes travel in segments which arrive in order, each after a latency
// of its own; 64 KiB may be on the way or unread in a direction. Errors, half-closed connections
// and resets are Linux's. What differs: a connection that [::] accepted from IPv4 shows the IPv4
// addresses, and Unix sockets have no files but a latency.
//
// `decisions` is asked and told in place of the installed simulation: for tests on the ordinary
// scheduler, where nothing is decided otherwise: no faults, the least latency. It is called by one
// thread at a time, under a lock, and must outlive the network. Works under a Runtime as well as in
// a simulation; what happens is noted there in the words of addresses only.
//
// One at a time. Thread-safe. Sockets that outlive it fail with EBADF; who waits on them is woken.
class SimulatedNetwork {
 public:
  explicit SimulatedNetwork(NetworkFaults faults = {}, runtime::Simulation* decisions = nullptr);
  ~SimulatedNetwork();
  SimulatedNetwork(const SimulatedNetwork&) = delete;
  SimulatedNetwork& operator=(const SimulatedNetwork&) = delete;

  // From now on `name` has this address, an IP literal, besides those that it has already. Known
  // from the start: "localhost". Others do not exist.
  void name(std::string_view name, std::string_view ip);

  // Nothing passes to or from `host`, an IP literal or a name, for so long or until heal().
  // Segments are sent again and again, ever more rarely; connections end with ETIMEDOUT after a
  // quarter of an hour of that, or after 150 s when they were idle. A host still reaches itself.
  void partition(std::string_view host, Duration duration = Duration::max());
  void heal(std::string_view host);

  // From now on; what is under way stays so.
  void set_faults(const NetworkFaults& faults);
  NetworkCounts counts() const;

 private:
  std::unique_ptr<internal::simulated::World> world_;
};

}  // namespace sluice::net
