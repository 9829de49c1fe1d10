// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/internal/client_exchange.h"

#include <cerrno>
#include <limits>
#include <optional>
#include <utility>

#include "sluice/http/internal/chars.h"
#include "sluice/http/internal/head_text.h"
#include "sluice/http/internal/pace.h"

namespace sluice::http::internal {
namespace {

// Interim responses (1xx) before the response proper; Go takes five.
constexpr int announcements_max = 8;

// Fields that only the client itself may write: they say where the message ends.
bool is_clients_own(std::string_view name) {
  for (std::string_view own : {"host", "content-length", "transfer-encoding", "connection"})
    if (equals_ignoring_case(name, own)) return true;
  return false;
}

// RFC 9110 8.6: these methods announce even an empty body.
bool expects_body(Method method) {
  return method == Method::post || method == Method::put || method == Method::patch;
}

std::string request_head(const ClientRequest& request, const Url& url, Method method) {
  std::string out;
  out.reserve(256);
  out += request.method;
  out += ' ';
  out += url.target;
  out += " HTTP/1.1\r\n";
  append_field(out, "Host", url.authority());
  for (const Headers::Field& field : request.headers)
    if (!is_clients_own(field.name)) append_field(out, field.name, field.value);
  if (request.body_source) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (!request.body.empty() || expects_body(method)) {
    append_number_field(out, "Content-Length", request.body.size());
  }
  out += "\r\n";
  return out;
}

}  // namespace

Error ClientExchange::explained(Error error) const {
  if (auto ended = context_.err()) return *ended;
  return error;
}

Result<void> ClientExchange::run(const ClientRequest& request, const Url& url) {
  method_ = method_from_name(request.method);
  // The end of the context wakes whatever wait the exchange is in.
  if (auto ended = context_.err()) return *ended;
  Result<void> sent = send(request, url);
  // A server that answers early, say with 413, may stop reading: its answer is worth a look.
  bool look = sent || stream_ended_ || (!context_.cancelled() && conn_->conn.readable_now());
  Result<void> got = look ? read_head(method_) : Result<void>();
  if (!got) return explained(std::move(got).error());
  if (!sent && !received_any_) return explained(std::move(sent).error());
  if (!sent) head_.facts.keep_alive = false;
  body_.start(head_.facts.framing, head_.facts.content_length,
              std::numeric_limits<uint64_t>::max());
  if (body_.at_end()) finish();
  return {};
}

Result<void> ClientExchange::send(const ClientRequest& request, const Url& url) {
  std::string head = request_head(request, url, method_);
  if (request.body_source) return send_source(request, std::move(head));
  return write(head, request.body);
}

Result<void> ClientExchange::send_source(const ClientRequest& request, std::string head) {
  for (;;) {
    std::string piece = SLUICE_TRY(request.body_source());
    char size[18];
    head.append(size, write_chunk_size(piece.size(), size));
    if (piece.empty()) return write(head, "\r\n");
    piece += "\r\n";
    SLUICE_TRY(write(head, piece));
    head.clear();
  }
}

Result<void> ClientExchange::write(std::string_view head, std::string_view body) {
  net::Conn& conn = conn_->conn;
  iovec pieces[2] = {{const_cast<char*>(head.data()), head.size()},
                     {const_cast<char*>(body.data()), body.size()}};
  std::span<iovec> left(pieces, body.empty() ? 1 : 2);
  while (!left.empty()) {
    ssize_t sent = conn.try_write(left);
    if (sent >= 0) {
      left = net::drop_bytes(left, size_t(sent));
    } else if (sent == -EAGAIN) {
      conn.set_write_deadline(deadline_after(options().io_timeout));
      SLUICE_TRY(conn.wait_writable(context_));
    } else {
      stream_ended_ = true;
      return wrap(errno_error(int(-sent), "write"), Code::unavailable, "connection lost");
    }
  }
  return {};
}

Result<size_t> ClientExchange::receive(std::span<char> out) {
  net::Conn& conn = conn_->conn;
  for (;;) {
    ssize_t got = conn.try_read(out);
    if (got >= 0) {
      received_any_ = received_any_ || got > 0;
      stream_ended_ = got == 0;
      return size_t(got);
    }
    if (got != -EAGAIN) {
      stream_ended_ = true;
      return wrap(errno_error(int(-got), "read"), Code::unavailable, "connection lost");
    }
    conn.set_read_deadline(deadline_after(options().io_timeout));
    SLUICE_TRY(conn.wait_readable(context_));
  }
}

Result<void> ClientExchange::read_head(Method method) {
  HeadLimits limits{.head_bytes_max = options().header_bytes_max,
                    .fields_max = options().header_fields_max};
  ReadBuffer& in = conn_->in;
  for (int announced = 0;;) {
    Parsed parsed = parse_response_head(in.view(), limits, method, head_);
    if (parsed.status == Parsed::Status::error)
      return Error(Code::data_loss, "malformed response: " + std::string(parsed.reason));
    if (parsed.status == Parsed::Status::complete) {
      // 100 and 103 announce the response proper; 101 would change the protocol.
      if (head_.status == 101) return Error(Code::data_loss, "unasked switch of protocols");
      if (head_.status >= 200) {
        in.consume_pinned(parsed.consumed);
        return {};
      }
      in.consume(parsed.consumed);
      if (++announced > announcements_max)
        return Error(Code::data_loss, "too many interim responses");
      continue;
    }
    size_t got = SLUICE_TRY(receive(in.prepare()));
    if (got == 0) return Error(Code::unavailable, "the server closed the connection");
    in.commit(got);
  }
}

Result<size_t> ClientExchange::read(std::span<char> out) {
  if (body_.at_end() || conn_ == nullptr) return size_t(0);
  if (auto ended = context_.err()) return *ended;
  Result<size_t> got = body_.read(conn_->in, *this, out);
  if (!got && is(got.error(), body_malformed))
    return Error(Code::data_loss, "malformed chunked response body");
  if (!got) return explained(std::move(got).error());
  if (body_.at_end()) finish();
  return got;
}

// The response is complete: the connection is free. Its buffer stays here, as the head's fields are
// views into it.
void ClientExchange::finish() {
  bool clean = head_.facts.keep_alive && conn_->in.empty() && !stream_ended_;
  auto next = std::make_unique<ClientConn>(std::move(conn_->conn));
  next->reused = conn_->reused;
  if (clean) state_->pool.give(host_, std::move(next));
}

}  // namespace sluice::http::internal
