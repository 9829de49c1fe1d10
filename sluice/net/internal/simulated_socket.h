// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "sluice/base/time.h"
#include "sluice/net/address.h"
#include "sluice/runtime/timer.h"

namespace sluice::net::internal::simulated {

// What may be on the way and unread in one direction: Linux's receive buffers begin in this region.
inline constexpr size_t window_bytes = 64 * 1024;
// RFC 6298: Linux's shortest retransmission timeout, and its longest (TCP_RTO_MIN, TCP_RTO_MAX).
inline constexpr Duration retransmission_min = std::chrono::milliseconds(200);
inline constexpr Duration retransmission_max = std::chrono::seconds(120);

// What enable_keep_alive() asks for: 15 s of silence, then nine probes 15 s apart.
inline constexpr Duration keep_alive_pause = std::chrono::seconds(15);
inline constexpr Duration keep_alive_time = keep_alive_pause * 10;

struct Segment {
  enum class Kind : uint8_t {
    open,  // the last part of the handshake: the connection may be accepted
    data,
    end,  // FIN
    reset,
  };
  Kind kind;
  std::string bytes;
  Instant arrives;
};

// What comes to a socket: segments on their way, and the bytes that have arrived.
struct Inbox {
  std::deque<Segment> in_flight;  // in the order of the stream: none overtakes the first
  size_t in_flight_bytes = 0;
  std::string unread;
  size_t read = 0;  // so many bytes of `unread` have been read
  bool ended = false;

  size_t window = window_bytes;
  Instant window_opens = Instant::max();  // when a slow reader is a normal one again
  bool sender_waits = false;              // for room: it is told when there is some

  // While the front segment does not get through.
  Duration retry = retransmission_min;
  int retries = 0;

  size_t unread_bytes() const { return unread.size() - read; }
  size_t room() const {
    size_t used = in_flight_bytes + unread_bytes();
    return window > used ? window - used : 0;
  }
  // As Linux: who waits for room is woken when a third is free (sk_stream_is_writeable).
  bool is_roomy() const { return room() > 0 && room() * 3 >= window; }
};

// A connect that is under way.
struct Handshake {
  enum class Phase : uint8_t { syn, answer, pause };
  Phase phase = Phase::syn;
  int syns = 0;         // that were sent
  Instant again{};      // when the next one is due
  bool doomed = false;  // none arrives
  bool refused = false;
  int listener = -1;  // that has agreed
};

// One end of a connection, a listener, or what may become either. A closed end stays, as an orphan,
// until the other one is closed too: what is sent to it is answered by a reset.
struct Socket {
  enum class State : uint8_t { fresh, listening, connecting, connected, failed };

  Socket(int id, int family) : id(id), family(family) {}
  ~Socket() { timer.stop(); }

  bool is_unix() const { return family == AF_UNIX; }

  const int id;  // the descriptor
  const int family;
  State state = State::fresh;
  bool is_bound = false;  // to an address that no other may be bound to
  bool orphan = false;    // closed by its owner
  bool sent_end = false;
  int error = 0;  // SO_ERROR
  bool watched = false;
  uint64_t tag = 0;  // while watched
  Address local;
  Address remote;
  std::string label;  // what notes call it
  int peer = -1;
  int listener = -1;                    // whose queue it is meant for, until it is there
  std::deque<int> waiting;              // a listener's connections
  size_t arriving = 0;                  // those that will wait soon
  Instant probes_end = Instant::max();  // without an answer since a partition began
  Inbox inbox;
  Handshake handshake;
  runtime::Timer timer;  // of the handshake, then of the inbox; used under the world's lock
};

}  // namespace sluice::net::internal::simulated
