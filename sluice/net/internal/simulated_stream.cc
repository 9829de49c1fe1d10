// SPDX-License-Identifier: Apache-2.0

// How bytes travel in a simulated network.

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "sluice/net/internal/simulated_world.h"

namespace sluice::net::internal::simulated {
namespace {

using runtime::Decision;

// net.ipv4.tcp_retries2: about a quarter of an hour.
constexpr int retries_max = 15;

}  // namespace

// The order of the checks is Linux's tcp_recvmsg's.
ssize_t World::receive(Socket& socket, char* data, size_t size, int flags) {
  if (socket.state == Socket::State::fresh || socket.state == Socket::State::listening)
    return -ENOTCONN;
  Inbox& inbox = socket.inbox;
  size_t there = inbox.unread_bytes();
  if (there == 0) {
    if (inbox.ended) return 0;
    if (socket.error != 0) return -std::exchange(socket.error, 0);
    return socket.state == Socket::State::failed ? 0 : -EAGAIN;
  }
  size_t taken = std::min(there, size);
  if (taken > 1 && happens(faults.short_read, counts.short_reads)) {
    taken = 1 + choose(Decision::fault, taken - 1);
    // Who reads less than it had room for waits for news: here they are.
    report(socket, true, false, false);
    note([&] { return socket.label + ": a read of " + std::to_string(taken) + " bytes only"; });
  }
  std::memcpy(data, inbox.unread.data() + inbox.read, taken);
  if ((flags & MSG_PEEK) != 0) return ssize_t(taken);
  inbox.read += taken;
  if (inbox.read == inbox.unread.size()) {
    inbox.unread.clear();
    inbox.read = 0;
  }
  wake_sender(socket);
  return ssize_t(taken);
}

void World::wake_sender(Socket& receiver) {
  if (!receiver.inbox.sender_waits || !receiver.inbox.is_roomy()) return;
  receiver.inbox.sender_waits = false;
  if (Socket* sender = find(receiver.peer)) report(*sender, false, true, false);
}

ssize_t World::send(Socket& socket, const iovec* pieces, size_t count) {
  // Unix sockets keep the error for a read.
  if (socket.error != 0 && !socket.is_unix()) return -std::exchange(socket.error, 0);
  if (socket.state == Socket::State::connecting) return -EAGAIN;
  if (socket.state != Socket::State::connected || socket.sent_end) return -EPIPE;
  size_t size = 0;
  for (size_t i = 0; i < count; ++i) size += pieces[i].iov_len;
  if (size == 0) return 0;
  Socket& peer = *sockets_.at(socket.peer);
  maybe_slow(peer);
  size_t taken = std::min(size, peer.inbox.room());
  if (taken < size) peer.inbox.sender_waits = true;
  if (taken == 0) return -EAGAIN;
  if (taken > 1 && happens(faults.short_write, counts.short_writes)) {
    taken = 1 + choose(Decision::fault, taken - 1);
    report(socket, false, true, false);
    note([&] { return socket.label + ": a write of " + std::to_string(taken) + " bytes only"; });
  }
  std::string bytes;
  bytes.reserve(taken);
  for (; bytes.size() < taken; ++pieces)
    bytes.append(static_cast<const char*>(pieces->iov_base),
                 std::min(pieces->iov_len, taken - bytes.size()));
  send_segments(socket, peer, bytes);
  return ssize_t(taken);
}

void World::send_segments(Socket& socket, Socket& peer, std::string_view bytes) {
  while (!bytes.empty()) {
    size_t size = cut(bytes.size());
    maybe_partition(socket, peer);
    if (!socket.is_unix() && happens(faults.reset, counts.resets)) {
      note([&] { return way(socket, peer) + ": reset by the network"; });
      post(socket, peer, Segment::Kind::reset);
      post(peer, socket, Segment::Kind::reset);
      return;
    }
    post(socket, peer, Segment::Kind::data, bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
}

void World::post(Socket& from, Socket& to, Segment::Kind kind, std::string_view bytes) {
  Inbox& inbox = to.inbox;
  Instant arrives = now() + latency(from) + lost_time(from, to);
  inbox.in_flight.push_back({kind, std::string(bytes), arrives});
  inbox.in_flight_bytes += bytes.size();
  if (kind == Segment::Kind::data) {
    ++counts.segments;
    counts.bytes += bytes.size();
  }
  rearm(to);
}

void World::rearm(Socket& socket) {
  const Inbox& inbox = socket.inbox;
  Instant next = std::min(inbox.window_opens, socket.probes_end);
  if (!inbox.in_flight.empty()) next = std::min(next, inbox.in_flight.front().arrives);
  arm(socket, next);
}

void World::deliver(Socket& socket) {
  Inbox& inbox = socket.inbox;
  Instant moment = now();
  if (inbox.window_opens <= moment) {
    inbox.window = window_bytes;
    inbox.window_opens = Instant::max();
    note([&] { return socket.label + ": reads as before"; });
    wake_sender(socket);
  }
  if (socket.probes_end <= moment) end_probes(socket);
  while (!inbox.in_flight.empty() && inbox.in_flight.front().arrives <= moment) {
    if (!passes(socket, socket.remote)) {
      if (!hold_back(socket)) return;
      break;
    }
    inbox.retry = retransmission_min;
    inbox.retries = 0;
    Segment segment = std::move(inbox.in_flight.front());
    inbox.in_flight.pop_front();
    inbox.in_flight_bytes -= segment.bytes.size();
    if (!arrive(socket, std::move(segment))) return;
  }
  rearm(socket);
}

// Linux's tcp_keepalive_timer: while something is on its way there are no probes, it is sent again.
void World::end_probes(Socket& socket) {
  socket.probes_end = Instant::max();
  if (socket.state != Socket::State::connected || passes(socket, socket.remote)) return;
  const Socket& peer = *sockets_.at(socket.peer);
  if (!peer.inbox.in_flight.empty()) {
    socket.probes_end = now() + keep_alive_pause;
    return;
  }
  note([&] { return way(peer, socket) + ": no answer to probes"; });
  fail(socket, ETIMEDOUT);
}

// The segment is sent again later, as RFC 6298 5.5 has it, until the sender gives up.
bool World::hold_back(Socket& socket) {
  Inbox& inbox = socket.inbox;
  Socket& sender = *sockets_.at(socket.peer);
  if (++inbox.retries > retries_max) {
    note([&] { return way(sender, socket) + ": given up"; });
    inbox.in_flight.clear();
    inbox.in_flight_bytes = 0;
    fail(sender, ETIMEDOUT);
    if (socket.listener < 0) return true;
    // The handshake never came to its end: nobody will accept it.
    if (Socket* listener = find(std::exchange(socket.listener, -1))) --listener->arriving;
    return abort(socket);
  }
  inbox.in_flight.front().arrives = now() + inbox.retry;
  inbox.retry = std::min(inbox.retry * 2, retransmission_max);
  note([&] { return way(sender, socket) + ": no way through"; });
  return true;
}

bool World::arrive(Socket& socket, Segment segment) {
  Socket& peer = *sockets_.at(socket.peer);
  bool data = segment.kind == Segment::Kind::data;
  if (segment.kind == Segment::Kind::reset) {
    note([&] { return way(peer, socket) + ": reset"; });
    if (socket.state != Socket::State::failed) fail(socket, ECONNRESET);
    return true;
  }
  // Nobody is there for it any more. An end that was closed in order still takes the other's end.
  if (socket.state == Socket::State::failed || (socket.orphan && data)) {
    note([&] { return way(peer, socket) + ": comes too late"; });
    if (!peer.orphan && peer.state != Socket::State::failed)
      post(socket, peer, Segment::Kind::reset);
    return true;
  }
  if (segment.kind == Segment::Kind::open) return open_arrives(socket);
  if (data) {
    note(
        [&] { return way(peer, socket) + ": " + std::to_string(segment.bytes.size()) + " bytes"; });
    Inbox& inbox = socket.inbox;
    inbox.unread.erase(0, std::exchange(inbox.read, 0));
    inbox.unread += segment.bytes;
    report(socket, true, false, false);
    return true;
  }
  note([&] { return way(peer, socket) + ": end"; });
  socket.inbox.ended = true;
  // A Unix socket knows that the other end was closed, a TCP one only that it will send no more.
  if (socket.is_unix() && peer.orphan) socket.sent_end = true;
  report(socket, true, socket.sent_end, true);
  return true;
}

// Linux's tcp_reset: what has arrived can still be read, then the error is said once. What still
// comes is answered by a reset.
void World::fail(Socket& socket, int error) {
  socket.state = Socket::State::failed;
  socket.error = error == ECONNRESET && socket.inbox.ended ? EPIPE : error;
  report(socket, true, true, true);
}

int World::shut_down_write(Socket& socket) {
  if (socket.state == Socket::State::listening) return 0;
  if (socket.state != Socket::State::connected) return socket.is_unix() ? 0 : -ENOTCONN;
  if (std::exchange(socket.sent_end, true)) return 0;
  post(socket, *sockets_.at(socket.peer), Segment::Kind::end);
  report(socket);
  return 0;
}

short World::events(const Socket& socket) const {
  if (socket.state == Socket::State::fresh) return POLLOUT | POLLHUP;
  if (socket.state == Socket::State::connecting) return 0;
  if (socket.state == Socket::State::listening) return socket.waiting.empty() ? 0 : POLLIN;
  bool failed = socket.state == Socket::State::failed;
  bool ended = failed || socket.inbox.ended;
  bool mute = failed || socket.sent_end;
  auto peer = sockets_.find(socket.peer);
  int now = 0;
  if (ended || socket.inbox.unread_bytes() > 0) now |= POLLIN;
  if (ended) now |= POLLRDHUP;
  if (mute || (peer != sockets_.end() && peer->second->inbox.is_roomy())) now |= POLLOUT;
  if (ended && mute) now |= POLLHUP;
  if (socket.error != 0) now |= POLLERR;
  return static_cast<short>(now);
}

}  // namespace sluice::net::internal::simulated
