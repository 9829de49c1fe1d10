// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/internal/server_conn.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "sluice/http/internal/report.h"
#include "sluice/http/internal/request_access.h"

namespace sluice::http::internal {
namespace {

using namespace std::chrono_literals;

// How long a connection that is being closed waits for the client to have read the last response.
constexpr Duration linger_time = 1s;

}  // namespace

ServerConn::ServerConn(std::shared_ptr<ServerRun> run, net::Conn conn)
    : run_(std::move(run)), conn_(std::move(conn)) {
  run_->enter(*this);
}

ServerConn::~ServerConn() {
  run_->forget(*this);
  conn_.close();
  if (exchange_ != nullptr) run_->shared().pool.give(std::move(exchange_));
  run_->left();
}

void ServerConn::serve() {
  Next next = Next::keep;
  while (next == Next::keep && await_request()) next = serve_one();
  if (next == Next::linger) linger();
}

void ServerConn::end_if_idle() {
  State expected = State::idle;
  if (state_.compare_exchange_strong(expected, State::ended)) conn_.interrupt();
}

void ServerConn::interrupt() { conn_.interrupt(); }

// Until there is a byte of the next request. False: there will be none.
bool ServerConn::await_request() {
  if (exchange_ != nullptr) {
    // Also when the next request is here already: its handler may take long, and may end with the
    // connection being cut off.
    if (!write_out()) return false;
    if (!exchange_->in.empty()) return true;
  }
  for (;;) {
    if (try_read_first_) {
      if (exchange_ == nullptr) exchange_ = run_->shared().pool.take();
      std::span<char> room = exchange_->in.prepare();
      ssize_t got = conn_.try_read(room);
      if (got > 0) {
        exchange_->in.commit(size_t(got));
        // A short read emptied the socket: whatever comes later will be reported. The end of the
        // stream is the exception, as it may have been reported together with the bytes.
        try_read_first_ = size_t(got) == room.size() || conn_.hung_up();
        return true;
      }
      if (got != -EAGAIN) return false;
    }
    if (!wait_idle()) return false;
    try_read_first_ = true;
  }
}

// Gives everything back and sleeps until the client sends something.
bool ServerConn::wait_idle() {
  if (exchange_ != nullptr) run_->shared().pool.give(std::move(exchange_));
  state_.store(State::idle, std::memory_order_seq_cst);
  if (run_->draining()) return false;
  const ServerOptions& options = run_->options();
  // A connection that has sent nothing yet has less credit.
  arm_read_deadline(served_any_ ? options.idle_timeout
                                : std::min(options.idle_timeout, options.header_timeout));
  bool readable = conn_.wait_readable().has_value();
  State expected = State::idle;
  return state_.compare_exchange_strong(expected, State::busy) && readable;
}

Result<Parsed> ServerConn::read_head(RequestHead& head) {
  const ServerOptions& options = run_->options();
  HeadLimits limits{options.target_bytes_max, options.header_bytes_max, options.header_fields_max};
  ReadBuffer& in = exchange_->in;
  for (bool look = true;;) {
    if (look) {
      Parsed parsed = parse_request_head(in.view(), limits, head);
      if (parsed.status != Parsed::Status::incomplete) return parsed;
    }
    if (!head_until_) head_until_ = deadline_after(options.header_timeout);
    size_t before = in.size();
    std::span<char> room = in.prepare();
    size_t got = SLUICE_TRY(receive(room));
    if (got == 0) return body_cut_off;
    in.commit(got);
    // Only a line's end can complete the head, and bytes without one need no second look: who sends
    // them one by one does not make the server parse each time from the start.
    look =
        in.view().find('\n', before) != std::string_view::npos || in.size() > limits.head_bytes_max;
  }
}

ServerConn::Next ServerConn::serve_one() {
  Exchange& exchange = *exchange_;
  exchange.in.release_pin();
  keep_alive_ = chunked_ = owes_continue_ = responding_ = false;
  reading_ = writing_ = {};
  RequestHead& head = RequestAccess::head(exchange.request);
  Result<Parsed> parsed = read_head(head);
  head_until_.reset();
  if (!parsed) {
    if (parsed.error().code() != Code::deadline_exceeded) return Next::close;
    return refuse(408, "request head incomplete after header_timeout");
  }
  if (parsed->status == Parsed::Status::error) return refuse(parsed->http_status, parsed->reason);
  exchange.in.consume_pinned(parsed->consumed);
  const FieldFacts& facts = head.facts;
  if (head.method == Method::connect) return refuse(501, "CONNECT");
  if (facts.framing == Framing::length && facts.content_length > run_->options().body_bytes_max)
    return refuse(413, "Content-Length beyond body_bytes_max");

  run_->shared().requests.fetch_add(1, std::memory_order_relaxed);
  served_any_ = true;
  keep_alive_ = facts.keep_alive;
  owes_continue_ = facts.expects_continue && facts.framing != Framing::none;
  exchange.body.start(facts.framing, facts.content_length, run_->options().body_bytes_max);
  RequestAccess::reset(exchange.request, this);
  ResponseAccess::reset(exchange.response, this, head.method);
  if (must_shed()) [[unlikely]]
    shed();
  else
    run_handler();
  return finish_request();
}

// Counts and logs.
void ServerConn::note_refusal(int status, std::string_view reason) {
  run_->shared().refused.fetch_add(1, std::memory_order_relaxed);
  report_refusal(conn_.remote_address(), status, reason);
}

// Answers a request that no handler will see, and ends the connection: where the next request
// would start is not known.
ServerConn::Next ServerConn::refuse(int status, std::string_view reason) {
  note_refusal(status, reason);
  keep_alive_ = false;
  std::string body(reason_phrase(status));
  body += '\n';
  Headers headers;
  headers.add("Content-Type", "text/plain; charset=utf-8");
  bool sent = send_head(status, headers, body.size()) && send_body(body) && write_out();
  return sent ? Next::linger : Next::close;
}

ServerConn::Next ServerConn::finish_request() {
  if (broken_ || lost_) return Next::close;
  if (!keep_alive_) {
    if (!write_out()) return Next::close;
    // Bytes that were sent and never read would make the kernel reset the connection, and the
    // client lose the response.
    return exchange_->body.at_end() && exchange_->in.empty() ? Next::close : Next::linger;
  }
  if (!exchange_->body.at_end() && !discard_body()) return Next::linger;
  return Next::keep;
}

// Reads what the handler left of the request's body. False: not worth it.
bool ServerConn::discard_body() {
  if (!write_out()) return false;
  char dropped[2048];
  for (uint64_t allowance = run_->options().discard_bytes_max;;) {
    Result<size_t> got = exchange_->body.read(exchange_->in, *this, dropped);
    if (!got || *got > allowance) return false;
    if (*got == 0) return true;
    allowance -= *got;
  }
}

void ServerConn::linger() {
  if (!conn_.close_write()) return;
  uint64_t allowance = run_->options().discard_bytes_max;
  arm_read_deadline(deadline_after(std::min(linger_time, run_->options().body_timeout)));
  char dropped[2048];
  for (;;) {
    ssize_t got = conn_.try_read(dropped);
    if (got > 0 && uint64_t(got) <= allowance) {
      allowance -= uint64_t(got);
    } else if (got != -EAGAIN || !conn_.wait_readable()) {
      return;
    }
  }
}

}  // namespace sluice::http::internal
