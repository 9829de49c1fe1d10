// SPDX-License-Identifier: Apache-2.0

#include "sluice/net/conn.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "sluice/net/internal/interrupt_on_end.h"
#include "sluice/net/internal/syscalls.h"

namespace sluice::net {
namespace {

constexpr ErrorSentinel closed_error{Code::failed_precondition, "use of closed connection"};

// A broken pipe is the peer's doing, not the caller's.
Error io_error(ssize_t result, std::string_view what) {
  int err = int(-result);
  if (err == EPIPE || err == ECONNRESET || err == ENOTCONN)
    return Error(Code::unavailable, std::string(what) + ": connection closed by the peer")
        .with(Errno{err});
  return errno_error(err, what);
}

// The waits of one direction.
class DirectionWaits final : public internal::Waits {
 public:
  DirectionWaits(internal::Direction& direction, runtime::PollDesc& poll)
      : direction_(direction), poll_(poll) {}
  void interrupt() override { direction_.end_waits(poll_); }
  void clear_interrupt() override { direction_.let_wait(poll_); }

 private:
  internal::Direction& direction_;
  runtime::PollDesc& poll_;
};

// `context`'s error where its end is why a wait failed.
Error explained(Error error, const Context& context) {
  if (error.code() != Code::cancelled && error.code() != Code::deadline_exceeded) return error;
  if (auto ended = context.err()) return *ended;
  return error;
}

}  // namespace

std::span<iovec> drop_bytes(std::span<iovec> pieces, size_t bytes) {
  while (!pieces.empty() && bytes >= pieces.front().iov_len) {
    bytes -= pieces.front().iov_len;
    pieces = pieces.subspan(1);
  }
  if (bytes > 0) {
    pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + bytes;
    pieces.front().iov_len -= bytes;
  }
  return pieces;
}

Result<Conn> Conn::adopt(int fd, Address remote) {
  Conn conn;
  conn.fd_ = fd;
  conn.remote_ = std::move(remote);
  if (int result = internal::make_non_blocking(fd); result < 0)
    return errno_error(-result, "make a socket non-blocking");
  // Small messages go out at once; whoever writes decides what is one message.
  if (conn.remote_.family() != Address::Family::unix_path)
    internal::set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SLUICE_TRY(conn.poll_.open(fd));
  return conn;
}

Conn::Conn(Conn&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      poll_(std::move(other.poll_)),
      reading_(std::move(other.reading_)),
      writing_(std::move(other.writing_)),
      remote_(std::move(other.remote_)) {}

Conn& Conn::operator=(Conn&& other) noexcept {
  if (this == &other) return *this;
  close();
  fd_ = std::exchange(other.fd_, -1);
  poll_ = std::move(other.poll_);
  reading_ = std::move(other.reading_);
  writing_ = std::move(other.writing_);
  remote_ = std::move(other.remote_);
  return *this;
}

Conn::~Conn() { close(); }

void Conn::close() {
  if (fd_ < 0) return;
  poll_.close();
  internal::close_socket(std::exchange(fd_, -1));
}

ssize_t Conn::try_read(std::span<char> out) {
  return internal::receive(fd_, out.data(), out.size(), 0);
}

ssize_t Conn::try_write(std::span<const iovec> pieces) {
  if (pieces.size() == 1) return internal::send(fd_, pieces[0].iov_base, pieces[0].iov_len);
  return internal::send_pieces(fd_, pieces.data(), std::min<size_t>(pieces.size(), IOV_MAX));
}

Result<size_t> Conn::read(std::span<char> out) {
  if (fd_ < 0) return closed_error;
  if (out.empty()) return size_t(0);
  for (;;) {
    ssize_t got = try_read(out);
    if (got >= 0) return size_t(got);
    if (got != -EAGAIN) return io_error(got, "read");
    SLUICE_TRY(poll_.wait_read());
  }
}

Result<void> Conn::write(std::string_view data) {
  iovec piece{const_cast<char*>(data.data()), data.size()};
  return writev({&piece, 1});
}

Result<void> Conn::writev(std::span<iovec> pieces) {
  if (fd_ < 0) return closed_error;
  while (!pieces.empty()) {
    if (pieces.front().iov_len == 0) {
      pieces = pieces.subspan(1);
      continue;
    }
    ssize_t sent = try_write(pieces);
    if (sent == -EAGAIN) {
      SLUICE_TRY(poll_.wait_write());
      continue;
    }
    if (sent < 0) return io_error(sent, "write");
    pieces = drop_bytes(pieces, size_t(sent));
  }
  return {};
}

Result<size_t> Conn::read(const Context& context, std::span<char> out) {
  if (auto ended = context.err()) return *ended;
  if (fd_ < 0) return closed_error;
  if (out.empty()) return size_t(0);
  if (ssize_t got = try_read(out); got >= 0) return size_t(got);
  DirectionWaits waits(reading_, poll_);
  internal::InterruptOnEnd guard(context, waits);
  Result<size_t> got = read(out);
  if (!got) return explained(std::move(got).error(), context);
  return got;
}

Result<void> Conn::write(const Context& context, std::string_view data) {
  if (auto ended = context.err()) return *ended;
  if (fd_ < 0) return closed_error;
  iovec piece{const_cast<char*>(data.data()), data.size()};
  if (ssize_t sent = data.empty() ? 0 : try_write({&piece, 1}); sent >= 0) {
    data.remove_prefix(size_t(sent));
    if (data.empty()) return {};
  }
  DirectionWaits waits(writing_, poll_);
  internal::InterruptOnEnd guard(context, waits);
  Result<void> done = write(data);
  if (!done) return explained(std::move(done).error(), context);
  return done;
}

Result<void> Conn::wait_readable(const Context& context) {
  if (auto ended = context.err()) return *ended;
  DirectionWaits waits(reading_, poll_);
  internal::InterruptOnEnd guard(context, waits);
  Result<void> waited = poll_.wait_read();
  if (!waited) return explained(std::move(waited).error(), context);
  return waited;
}

Result<void> Conn::wait_writable(const Context& context) {
  if (auto ended = context.err()) return *ended;
  DirectionWaits waits(writing_, poll_);
  internal::InterruptOnEnd guard(context, waits);
  Result<void> waited = poll_.wait_write();
  if (!waited) return explained(std::move(waited).error(), context);
  return waited;
}

bool Conn::readable_now() const { return internal::poll_now(fd_, POLLIN | POLLRDHUP) != 0; }

bool Conn::peer_closed() const {
  return (internal::poll_now(fd_, POLLRDHUP) & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

Result<void> Conn::close_write() {
  if (fd_ < 0) return closed_error;
  if (int result = internal::shut_down_write(fd_); result < 0) return io_error(result, "shutdown");
  return {};
}

Address Conn::local_address() const {
  sockaddr_storage storage;
  socklen_t size = sizeof(storage);
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (fd_ < 0 || internal::local_address(fd_, address, &size) < 0) return {};
  return Address::from_sockaddr(address, size);
}

}  // namespace sluice::net
