// SPDX-License-Identifier: Apache-2.0

#include <cerrno>

#include "sluice/http/internal/server_conn.h"

namespace sluice::http::internal {

// Bytes of the running request, under the header's or the body's time limit.
Result<size_t> ServerConn::receive(std::span<char> out) {
  // The client may be waiting for these before it goes on.
  SLUICE_TRY(write_out());
  for (;;) {
    ssize_t got = conn_.try_read(out);
    if (got >= 0) {
      try_read_first_ = size_t(got) == out.size() || conn_.hung_up();
      reading_.moved(size_t(got));
      return size_t(got);
    }
    if (got != -EAGAIN) return errno_error(int(-got), "read");
    if (head_until_) {
      arm_read_deadline(*head_until_);
      SLUICE_TRY(conn_.wait_readable());
      continue;
    }
    const ServerOptions& options = run_->options();
    arm_read_deadline(reading_.patience(options.body_timeout, options.bytes_per_second_min));
    Instant start = now();
    SLUICE_TRY(conn_.wait_readable());
    reading_.waited_since(start);
  }
}

// A deadline at most a sixteenth early is good enough, and spares most requests the arming.
void ServerConn::arm_read_deadline(Duration limit) {
  Instant wanted = deadline_after(limit);
  if (read_deadline_ <= wanted && wanted - read_deadline_ <= limit / 16) return;
  arm_read_deadline(wanted);
}

void ServerConn::arm_read_deadline(Instant when) {
  if (when == read_deadline_) return;
  read_deadline_ = when;
  conn_.set_read_deadline(when);
}

Result<void> ServerConn::write_out(std::string_view data, std::string_view tail) {
  std::string& out = exchange_->out;
  if (broken_) return body_cut_off;
  iovec pieces[3];
  size_t count = 0;
  for (std::string_view piece : {std::string_view(out), data, tail})
    if (!piece.empty()) pieces[count++] = {const_cast<char*>(piece.data()), piece.size()};
  std::span<iovec> left(pieces, count);
  while (!left.empty()) {
    ssize_t sent = conn_.try_write(left);
    if (sent == -EAGAIN) {
      // The limit is on progress: each piece that the client takes renews it, at a decent pace.
      const ServerOptions& options = run_->options();
      conn_.set_write_deadline(
          deadline_after(writing_.patience(options.write_timeout, options.bytes_per_second_min)));
      Instant start = now();
      if (Result<void> waited = conn_.wait_writable(); !waited) {
        broken_ = lost_ = true;
        client_gone();
        return waited;
      }
      writing_.waited_since(start);
      continue;
    }
    if (sent < 0) {
      broken_ = lost_ = true;
      client_gone();
      return errno_error(int(-sent), "write");
    }
    writing_.moved(size_t(sent));
    left = net::drop_bytes(left, size_t(sent));
  }
  out.clear();
  return {};
}

}  // namespace sluice::http::internal
