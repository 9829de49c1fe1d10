// SPDX-License-Identifier: Apache-2.0

#include "sluice/net/internal/simulated_world.h"

#include <poll.h>

#include <cerrno>
#include <utility>

#include "sluice/base/assert.h"
#include "sluice/net/internal/simulated_calls.h"

namespace sluice::net::internal::simulated {
namespace {

constinit runtime::SpinLock world_lock;

// Never used again, so that a descriptor or a timer of a network that is gone finds nothing.
// Guarded by world_lock.
constinit int next_id = runtime::first_simulated_fd;

void on_socket_timer(void*, uint64_t id) {
  Entry entry(Entry::From::elsewhere);
  if (World* world = entry.world()) world->on_timer(static_cast<int>(id));
}

}  // namespace

constinit std::atomic<World*> installed{nullptr};

void install(World* world) {
  std::lock_guard lock(world_lock);
  installed.store(world, std::memory_order_relaxed);
}

Entry::Entry(From from) {
  if (from == From::call) runtime::interleave();
  lock_ = std::unique_lock(world_lock);
  world_ = installed.load(std::memory_order_relaxed);
}

void Entry::retire() { installed.store(nullptr, std::memory_order_relaxed); }

Entry::~Entry() {
  if (world_ == nullptr || world_->reports.empty()) return;
  std::vector<World::Report> reports = std::exchange(world_->reports, {});
  lock_.unlock();
  for (const World::Report& at : reports)
    runtime::report_ready(at.tag, at.read, at.write, at.hung_up);
}

// The first port is Linux's first for those who do not ask for one.
World::World(const NetworkFaults& faults, runtime::Simulation* decisions)
    : faults(faults), decisions_(decisions), last_port_(32767) {
  name("localhost", "127.0.0.1");
}

Socket* World::find(int fd) {
  auto found = sockets_.find(fd);
  return found == sockets_.end() || found->second->orphan ? nullptr : found->second.get();
}

Socket& World::add(int family) {
  SLUICE_ASSERT(next_id >= 0, "a billion simulated sockets");
  int id = next_id++;
  return *sockets_.emplace(id, std::make_unique<Socket>(id, family)).first->second;
}

int World::open(int family) {
  if (family != AF_INET && family != AF_INET6 && family != AF_UNIX) return -EAFNOSUPPORT;
  return add(family).id;
}

void World::remove(Socket& socket) {
  if (socket.is_bound) bound_.erase(socket.local.to_string());
  if (auto port = ports_.find(socket.local.port()); port != ports_.end() && --port->second == 0)
    ports_.erase(port);
  sockets_.erase(socket.id);
}

// Linux's tcp_close: a peer that was not listened to is reset, and so is who waits to be accepted.
void World::close(Socket& socket) {
  socket.watched = false;
  socket.orphan = true;
  while (!socket.waiting.empty()) {
    int id = socket.waiting.front();
    socket.waiting.pop_front();
    abort(*sockets_.at(id));
  }
  auto peer = sockets_.find(socket.peer);
  if (peer == sockets_.end()) return remove(socket);
  if (socket.state == Socket::State::connected) {
    bool unheard = socket.inbox.unread_bytes() > 0;
    if (unheard)
      post(socket, *peer->second, Segment::Kind::reset);
    else if (!socket.sent_end)
      post(socket, *peer->second, Segment::Kind::end);
    if (unheard) socket.state = Socket::State::failed;
  }
  if (!peer->second->orphan) return;
  remove(*peer->second);
  remove(socket);
}

void World::watch(Socket& socket, uint64_t tag) {
  socket.watched = true;
  socket.tag = tag;
  report(socket);
}

void World::report(const Socket& socket, bool read, bool write, bool hung_up) {
  if (socket.watched) reports.push_back({socket.tag, read, write, hung_up});
}

void World::report(const Socket& socket) {
  short now = events(socket);
  bool failed = (now & (POLLERR | POLLHUP)) != 0;
  bool read = failed || (now & (POLLIN | POLLRDHUP)) != 0;
  bool write = failed || (now & POLLOUT) != 0;
  if (read || write) report(socket, read, write, failed || (now & POLLRDHUP) != 0);
}

void World::report_all() {
  for (auto& [id, socket] : sockets_) report(*socket, true, true, true);
}

void World::arm(Socket& socket, Instant when) {
  socket.timer.stop();
  if (when != Instant::max())
    socket.timer.start(when, on_socket_timer, nullptr, static_cast<uint64_t>(socket.id));
}

void World::on_timer(int id) {
  auto found = sockets_.find(id);
  if (found == sockets_.end()) return;
  Socket& socket = *found->second;
  socket.timer.stop();  // this may be a firing that came late, beside one that is armed
  if (socket.state == Socket::State::connecting)
    advance(socket);
  else
    deliver(socket);
}

}  // namespace sluice::net::internal::simulated
