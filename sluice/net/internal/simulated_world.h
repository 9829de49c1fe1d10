// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/result.h"
#include "sluice/base/time.h"
#include "sluice/net/address.h"
#include "sluice/net/internal/simulated_socket.h"
#include "sluice/net/simulated_network.h"
#include "sluice/runtime/simulation.h"
#include "sluice/runtime/spin_lock.h"

namespace sluice::net::internal::simulated {

// All sockets of a simulated network, and what passes between them. Every function is called under
// the lock that Entry takes, which also serialises the decisions. Calls answer 0 or -errno.
//
// Nothing here depends on addresses in memory or on the order of a hash: the same calls and the
// same decisions give the same notes.
class World {
 public:
  World(const NetworkFaults& faults, runtime::Simulation* decisions);

  // Descriptors. find(): null if there is none, or its owner closed it.
  Socket* find(int fd);
  int open(int family);
  void close(Socket& socket);
  void watch(Socket& socket, uint64_t tag);
  // Everybody who waits is woken, for the end of the world.
  void report_all();

  // Addresses and connections (simulated_connect.cc).
  int bind(Socket& socket, Address address);
  int listen(Socket& socket);
  int connect(Socket& socket, Address address);
  // The new socket, or -errno.
  int accept(Socket& listener);

  // Streams (simulated_stream.cc).
  ssize_t receive(Socket& socket, char* data, size_t size, int flags);
  ssize_t send(Socket& socket, const iovec* pieces, size_t count);
  int shut_down_write(Socket& socket);
  // What holds now, in poll()'s words.
  short events(const Socket& socket) const;

  // Hosts (simulated_fate.cc).
  void name(std::string_view name, std::string_view ip);
  Result<std::vector<Address>> look_up(std::string_view host, uint16_t port) const;
  void partition(std::string_view host, Duration duration);
  void heal(std::string_view host);

  // The socket's timer fired.
  void on_timer(int id);

  NetworkFaults faults;
  NetworkCounts counts;

  struct Report {
    uint64_t tag;
    bool read, write, hung_up;
  };
  // For report_ready(), once the lock is free.
  std::vector<Report> reports;

 private:
  Socket& add(int family);
  void remove(Socket& socket);
  void report(const Socket& socket, bool read, bool write, bool hung_up);
  // As the socket stands.
  void report(const Socket& socket);
  void arm(Socket& socket, Instant when);

  // simulated_connect.cc
  uint16_t free_port();
  bool is_taken(const Address& address) const;
  Socket* listener_of(const Address& address);
  int connect_unix(Socket& socket, const Address& address);
  void send_syn(Socket& socket);
  void retry_syn(Socket& socket);
  void advance(Socket& socket);
  void syn_arrives(Socket& socket);
  void answer_arrives(Socket& socket);
  void establish(Socket& client, Socket& listener);
  bool open_arrives(Socket& socket);
  // As a listener does it to who was not accepted: the peer is reset. False: the socket is gone.
  bool abort(Socket& socket);

  // simulated_stream.cc
  void send_segments(Socket& socket, Socket& peer, std::string_view bytes);
  void post(Socket& from, Socket& to, Segment::Kind kind, std::string_view bytes = {});
  void deliver(Socket& socket);
  // False: the socket is gone.
  bool arrive(Socket& socket, Segment segment);
  bool hold_back(Socket& socket);
  void wake_sender(Socket& receiver);
  void end_probes(Socket& socket);
  void fail(Socket& socket, int error);
  void rearm(Socket& socket);

  // simulated_fate.cc: what is decided. The harmless outcome is the first of each.
  runtime::Simulation* decisions() const;
  uint32_t choose(runtime::Decision kind, size_t count);
  bool happens(uint32_t per_million, uint64_t& counter);
  Duration latency(const Socket& socket);
  size_t cut(size_t bytes);
  // What losses add, each of which is noted.
  Duration lost_time(const Socket& from, const Socket& to);
  void maybe_partition(const Socket& from, const Socket& to);
  void maybe_slow(Socket& reader);
  // False: a partition lies between.
  bool passes(const Socket& from, const Address& to) const;
  std::vector<std::string> hosts_of(std::string_view host) const;
  void isolate(const std::string& host, Duration duration);

  template <class Words>
  void note(Words words) const {
    if (runtime::Simulation* simulation = decisions()) simulation->note(words());
  }
  static std::string way(const Socket& from, const Socket& to) {
    return from.label + " > " + to.label;
  }

  runtime::Simulation* const decisions_;
  std::map<int, std::unique_ptr<Socket>> sockets_;
  std::map<std::string, int> bound_;  // by the text of the address: listeners, and who asked to be
  std::map<uint16_t, int> ports_;     // how many sockets use it
  uint16_t last_port_;
  uint32_t unnamed_ = 0;  // Unix clients so far
  std::map<std::string, std::vector<std::string>, std::less<>> names_;
  std::map<std::string, Instant> isolated_;  // hosts, until when
};

// The way into the world: takes the lock, and reports what became ready after it let go.
class Entry {
 public:
  // Others may be interleaved before a system call of the program, and before nothing else.
  enum class From : uint8_t { call, elsewhere };

  explicit Entry(From from);
  ~Entry();
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  // Calls find no world from here on.
  void retire();

  // Null if there is none.
  World* world() const { return world_; }
  Socket* find(int fd) const { return world_ == nullptr ? nullptr : world_->find(fd); }

 private:
  std::unique_lock<runtime::SpinLock> lock_;
  World* world_;
};

// From now on calls find it.
void install(World* world);

}  // namespace sluice::net::internal::simulated
