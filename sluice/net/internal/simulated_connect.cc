// SPDX-License-Identifier: Apache-2.0

// How sockets of a simulated network get addresses and find each other.

#include <algorithm>
#include <cerrno>
#include <utility>

#include "sluice/base/assert.h"
#include "sluice/net/internal/simulated_world.h"

namespace sluice::net::internal::simulated {
namespace {

using namespace std::chrono_literals;
using runtime::Decision;

// Linux's net.core.somaxconn before 5.4: small enough for a test to fill.
constexpr size_t backlog_max = 128;
constexpr int syns_max = 7;             // net.ipv4.tcp_syn_retries and the first
constexpr uint16_t first_port = 32768;  // net.ipv4.ip_local_port_range
constexpr uint16_t last_port = 60999;

bool is_any(const Address& address) {
  std::string host = address.host();
  return host == "0.0.0.0" || host == "::";
}

bool is_full(const Socket& listener) {
  return listener.waiting.size() + listener.arriving > backlog_max;
}

// Where who has no address dials from: the loopback of who dials it.
Address source_for(const Address& remote) {
  bool loopback = remote.is_loopback();
  if (remote.family() == Address::Family::ipv4)
    return Address::from_ip(loopback ? "127.0.0.1" : "10.0.0.1", 0);
  return Address::from_ip(loopback ? "::1" : "fd00::1", 0);
}

// Who dials "any" reaches its own host.
Address target_of(const Address& address) {
  if (address.family() == Address::Family::unix_path || !is_any(address)) return address;
  bool ipv4 = address.family() == Address::Family::ipv4;
  return Address::from_ip(ipv4 ? "127.0.0.1" : "::1", address.port());
}

}  // namespace

uint16_t World::free_port() {
  for (int tries = first_port; tries <= last_port; ++tries) {
    last_port_ = last_port_ == last_port ? first_port : uint16_t(last_port_ + 1);
    if (!ports_.contains(last_port_)) return last_port_;
  }
  return 0;
}

bool World::is_taken(const Address& address) const {
  if (bound_.contains(address.to_string())) return true;
  if (address.family() == Address::Family::unix_path) return false;
  return std::any_of(bound_.begin(), bound_.end(), [&](const auto& entry) {
    const Address& other = sockets_.at(entry.second)->local;
    return other.port() == address.port() && (is_any(other) || is_any(address));
  });
}

int World::bind(Socket& socket, Address address) {
  if (socket.state != Socket::State::fresh || socket.is_bound) return -EINVAL;
  if (address.family() == Address::Family::none) return -EINVAL;
  if (!socket.is_unix() && address.port() == 0) {
    address = address.with_port(free_port());
    if (address.port() == 0) return -EADDRINUSE;
  }
  if (is_taken(address)) return -EADDRINUSE;
  socket.local = std::move(address);
  socket.label = socket.local.to_string();
  socket.is_bound = true;
  bound_.emplace(socket.label, socket.id);
  if (!socket.is_unix()) ++ports_[socket.local.port()];
  return 0;
}

int World::listen(Socket& socket) {
  if (socket.state == Socket::State::listening) return 0;
  if (socket.state != Socket::State::fresh) return -EINVAL;
  if (!socket.is_bound) return -EINVAL;
  socket.state = Socket::State::listening;
  note([&] { return socket.label + ": listens"; });
  return 0;
}

Socket* World::listener_of(const Address& address) {
  std::string port = ":" + std::to_string(address.port());
  bool ipv4 = address.family() == Address::Family::ipv4;
  // [::] takes IPv4 as well.
  for (const std::string& text :
       {address.to_string(), ipv4 ? "0.0.0.0" + port : std::string(), "[::]" + port}) {
    auto found = bound_.find(text);
    if (found == bound_.end()) continue;
    Socket* socket = find(found->second);
    if (socket != nullptr && socket->state == Socket::State::listening) return socket;
  }
  return nullptr;
}

int World::connect(Socket& socket, Address address) {
  if (socket.state == Socket::State::connecting) return -EALREADY;
  if (socket.state == Socket::State::connected) return -EISCONN;
  if (socket.state != Socket::State::fresh) return -EINVAL;
  if (address.family() == Address::Family::none) return -EAFNOSUPPORT;
  if (socket.is_unix()) return connect_unix(socket, address);
  socket.remote = target_of(address);
  if (!socket.is_bound || is_any(socket.local)) {
    uint16_t port = socket.is_bound ? socket.local.port() : free_port();
    if (port == 0) return -EADDRNOTAVAIL;
    if (socket.is_bound)
      bound_.erase(socket.label);
    else
      ++ports_[port];
    socket.is_bound = false;
    socket.local = source_for(socket.remote).with_port(port);
    socket.label = socket.local.to_string();
  }
  socket.state = Socket::State::connecting;
  socket.handshake.refused = happens(faults.connect_refused, counts.connects_refused);
  socket.handshake.doomed =
      !socket.handshake.refused && happens(faults.connect_timeout, counts.connects_timed_out);
  send_syn(socket);
  return -EINPROGRESS;
}

int World::connect_unix(Socket& socket, const Address& address) {
  Socket* listener = listener_of(address);
  // What a path without a socket, and a name that nobody has, are answered with.
  if (listener == nullptr) return address.host().starts_with('@') ? -ECONNREFUSED : -ENOENT;
  if (is_full(*listener)) return -EAGAIN;
  socket.remote = address;
  if (socket.label.empty()) socket.label = "unix client " + std::to_string(++unnamed_);
  establish(socket, *listener);
  return 0;
}

// 1 s, 2 s, 4 s, ... after each.
void World::send_syn(Socket& socket) {
  Handshake& handshake = socket.handshake;
  handshake.again = now() + std::chrono::seconds(1LL << handshake.syns++);
  if (handshake.doomed || happens(faults.loss, counts.losses)) {
    note([&] { return socket.label + " > " + socket.remote.to_string() + ": SYN lost"; });
    return retry_syn(socket);
  }
  handshake.phase = Handshake::Phase::syn;
  arm(socket, now() + latency(socket));
}

void World::retry_syn(Socket& socket) {
  socket.handshake.phase = Handshake::Phase::pause;
  arm(socket, std::max(socket.handshake.again, now()));
}

void World::advance(Socket& socket) {
  switch (socket.handshake.phase) {
    case Handshake::Phase::syn:
      return syn_arrives(socket);
    case Handshake::Phase::answer:
      return answer_arrives(socket);
    case Handshake::Phase::pause:
      if (socket.handshake.syns < syns_max) return send_syn(socket);
      note([&] { return socket.label + " > " + socket.remote.to_string() + ": nobody answers"; });
      return fail(socket, ETIMEDOUT);
  }
}

void World::syn_arrives(Socket& socket) {
  Handshake& handshake = socket.handshake;
  if (!passes(socket, socket.remote)) {
    note([&] { return socket.label + " > " + socket.remote.to_string() + ": no way for a SYN"; });
    return retry_syn(socket);
  }
  Socket* listener = handshake.refused ? nullptr : listener_of(socket.remote);
  if (listener != nullptr && is_full(*listener)) {
    note([&] { return socket.label + " > " + listener->label + ": no room in the backlog"; });
    return retry_syn(socket);
  }
  handshake.listener = listener == nullptr ? -1 : listener->id;
  handshake.phase = Handshake::Phase::answer;
  arm(socket, now() + latency(socket));
}

void World::answer_arrives(Socket& socket) {
  if (!passes(socket, socket.remote)) return retry_syn(socket);
  Socket* listener = find(socket.handshake.listener);
  if (listener != nullptr) {
    establish(socket, *listener);
    return report(socket);
  }
  note([&] { return socket.label + " > " + socket.remote.to_string() + ": refused"; });
  fail(socket, ECONNREFUSED);
}

void World::establish(Socket& client, Socket& listener) {
  Socket& server = add(client.family);
  server.local = client.remote;
  server.remote = client.local;
  server.label = server.local.to_string();
  if (!server.is_unix()) ++ports_[server.local.port()];
  server.peer = client.id;
  client.peer = server.id;
  server.listener = listener.id;
  ++listener.arriving;
  server.state = client.state = Socket::State::connected;
  ++counts.connections;
  note([&] { return way(client, server) + ": connected"; });
  post(client, server, Segment::Kind::open);
}

bool World::open_arrives(Socket& socket) {
  Socket* listener = find(std::exchange(socket.listener, -1));
  if (listener == nullptr) return abort(socket);
  --listener->arriving;
  listener->waiting.push_back(socket.id);
  report(*listener, true, false, false);
  return true;
}

bool World::abort(Socket& socket) {
  Socket& peer = *sockets_.at(socket.peer);
  if (peer.orphan) {
    remove(peer);
    remove(socket);
    return false;
  }
  if (peer.state != Socket::State::failed) post(socket, peer, Segment::Kind::reset);
  socket.orphan = true;
  socket.state = Socket::State::failed;
  return true;
}

int World::accept(Socket& listener) {
  if (listener.state != Socket::State::listening) return -EINVAL;
  if (listener.waiting.empty()) return -EAGAIN;
  if (happens(faults.accept_shortage, counts.accept_shortages)) {
    note([&] { return listener.label + ": no descriptor for who waits"; });
    return -EMFILE;
  }
  int id = listener.waiting.front();
  listener.waiting.pop_front();
  return id;
}

}  // namespace sluice::net::internal::simulated
