// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>

#include "sluice/base/result.h"
#include "sluice/base/time.h"

namespace sluice::runtime {

struct PollRecord;

// Lets goroutines wait for a non-blocking descriptor. Registered once, edge-triggered, for both
// directions; readiness is remembered, so no system call is made per wait.
//
// Use: try the system call; on EAGAIN call wait_read() (or wait_write()) and try again. Call and
// read errno in a function of its own that is not inlined, as net/internal/syscalls.cc does: after
// a wait the goroutine may be on another thread, and the compiler may use the first one's errno.
// At most one goroutine waits per direction. Ownership: the caller owns the descriptor and closes
// it after close(). Thread-safety: all functions may be called from any goroutine or thread;
// destruction must not overlap another call. Source of the state machine: Go's runtime/netpoll.go.
class PollDesc {
 public:
  PollDesc() = default;
  PollDesc(PollDesc&& other) noexcept;
  PollDesc& operator=(PollDesc&& other) noexcept;
  ~PollDesc();

  // Errors: failed_precondition (no Runtime), what epoll_ctl says.
  Result<void> open(int fd);
  // Wakes both waiters with Code::cancelled and unregisters. Idempotent. When any call has returned
  // the descriptor may be closed.
  void close();
  bool is_open() const;

  // The kernel has reported that the peer closed its sending direction, or the whole connection.
  // That may have come together with the last bytes: only while it is false does a read that
  // emptied the socket mean that a wait will end for whatever comes next.
  bool hung_up() const;

  // Errors: deadline_exceeded (the direction's deadline passed), cancelled (interrupted or closed).
  Result<void> wait_read();
  Result<void> wait_write();

  // Moments after which waits fail, also the running one; Instant::max() is none (the default).
  // A deadline in the past fails waits at once; setting a later one makes them work again.
  void set_read_deadline(Instant when);
  void set_write_deadline(Instant when);

  // Makes the running and all later waits of both directions fail with Code::cancelled until
  // clear_interrupt(). Safe inside timer and cancel callbacks.
  void interrupt();
  void clear_interrupt();

 private:
  void drop();

  PollRecord* record_ = nullptr;  // type-stable, from netpoll's own slab
};

}  // namespace sluice::runtime
