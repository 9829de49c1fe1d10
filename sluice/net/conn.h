// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "sluice/base/result.h"
#include "sluice/base/time.h"
#include "sluice/context/context.h"
#include "sluice/net/address.h"
#include "sluice/net/internal/direction.h"
#include "sluice/runtime/poll.h"

namespace sluice::net {

// What is left of `pieces` when their first `bytes` bytes have been sent. Changes the first of it.
std::span<iovec> drop_bytes(std::span<iovec> pieces, size_t bytes);

// A connected stream socket: TCP or Unix. Waiting parks the goroutine only.
//
// Owns the descriptor; the destructor closes it. Thread-safety: one goroutine may read while
// another one writes; interrupt() and the deadlines are for anyone. close() and the destructor must
// not overlap other calls: to end somebody's wait, interrupt() it. Calls on a closed Conn fail with
// failed_precondition.
//
// Errors of all operations: deadline_exceeded (the direction's deadline), cancelled (interrupt, or
// the context given), unavailable (the peer reset or is gone), what the kernel says otherwise.
class Conn {
 public:
  Conn() = default;
  // Takes over a connected socket, on failure as well, and makes it non-blocking.
  // Errors: as runtime::PollDesc::open.
  static Result<Conn> adopt(int fd, Address remote);

  Conn(Conn&& other) noexcept;
  Conn& operator=(Conn&& other) noexcept;
  ~Conn();

  // Waits for bytes and takes what is there, at most `out.size()`; 0: the peer sends no more.
  Result<size_t> read(std::span<char> out);
  // Writes all of it, waiting while the peer does not take it.
  Result<void> write(std::string_view data);
  // Writes all pieces in order, in one system call where the kernel takes them. Changes `pieces`.
  Result<void> writev(std::span<iovec> pieces);

  // As above, bound by `context`: its end wakes the waiting call, whose error is then the
  // context's, and touches neither the other direction nor the deadlines.
  Result<size_t> read(const Context& context, std::span<char> out);
  Result<void> write(const Context& context, std::string_view data);

  // One attempt, never waits: bytes moved, 0 at the end of a stream, or -errno (-EAGAIN: nothing).
  ssize_t try_read(std::span<char> out);
  ssize_t try_write(std::span<const iovec> pieces);
  Result<void> wait_readable() { return poll_.wait_read(); }
  Result<void> wait_writable() { return poll_.wait_write(); }
  Result<void> wait_readable(const Context& context);
  Result<void> wait_writable(const Context& context);

  // The end of the peer's stream may have been reported already, so that no further wait need end.
  // After a read that did not fill its buffer, false means: wait, there is nothing to read now.
  bool hung_up() const { return poll_.hung_up(); }

  // There is something to read now: bytes or the end of the stream. Takes nothing, never waits.
  bool readable_now() const;

  // The peer will send no more: it closed, or shut down its direction. Looks at the socket without
  // taking bytes and without waiting.
  bool peer_closed() const;

  void set_read_deadline(Instant when) { reading_.set_deadline(poll_, when); }
  void set_write_deadline(Instant when) { writing_.set_deadline(poll_, when); }

  // Makes waiting and later calls fail with Code::cancelled until clear_interrupt().
  void interrupt() { poll_.interrupt(); }
  void clear_interrupt() { poll_.clear_interrupt(); }

  // Tells the peer that no more bytes come; reading goes on.
  Result<void> close_write();
  void close();
  bool is_open() const { return fd_ >= 0; }

  const Address& remote_address() const { return remote_; }
  Address local_address() const;
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
  runtime::PollDesc poll_;
  internal::Direction reading_{internal::Direction::Side::read};
  internal::Direction writing_{internal::Direction::Side::write};
  Address remote_;
};

}  // namespace sluice::net
