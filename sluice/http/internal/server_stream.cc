// SPDX-License-Identifier: Apache-2.0

#include <optional>
#include <string>

#include "sluice/http/error.h"
#include "sluice/http/internal/chars.h"
#include "sluice/http/internal/request_access.h"
#include "sluice/http/internal/server_conn.h"

namespace sluice::http::internal {
namespace {

// A streamed body is passed to the kernel in pieces of about this size.
constexpr size_t pending_bytes_max = 16 * 1024;

bool lists(std::string_view list, std::string_view wanted) {
  bool found = false;
  for_each_element(list, [&](std::string_view option) {
    found = found || equals_ignoring_case(option, wanted);
  });
  return found;
}

}  // namespace

Result<size_t> ServerConn::read_body(std::span<char> out) {
  Exchange& exchange = *exchange_;
  if (exchange.body.at_end()) return size_t(0);
  if (owes_continue_ && !responding_) {
    // RFC 9110 10.1.1: only now, that somebody wants the body.
    owes_continue_ = false;
    exchange.out += "HTTP/1.1 100 Continue\r\n\r\n";
    SLUICE_TRY(write_out());
  }
  Result<size_t> got = exchange.body.read(exchange.in, *this, out);
  if (!got) return body_error(std::move(got).error());
  if (scope_ && !watching_ && body_has_arrived()) start_watching();
  return got;
}

// Gives a body's error the status it has, also when the handler just passes it on.
Error ServerConn::body_error(Error error) {
  int status = 0;
  if (is(error, body_malformed)) status = 400;
  if (is(error, body_too_large)) status = 413;
  if (error.code() == Code::deadline_exceeded) status = 408;
  if (status == 0) {
    lost_ = true;
    client_gone();
    return error;
  }
  note_refusal(status, error.message());
  return error.with(StatusDetail{status});
}

Result<void> ServerConn::send_head(int status, const Headers& headers,
                                   std::optional<uint64_t> length) {
  Exchange& exchange = *exchange_;
  const RequestHead& head = RequestAccess::head(exchange.request);
  std::string& out = exchange.out;
  responding_ = true;
  append_status_line(out, status);
  bool has_date = false;
  for (const Headers::Field& field : headers) {
    if (field.name.size() == 4 && equals_ignoring_case(field.name, "date")) has_date = true;
    if (field.name.size() == 10 && equals_ignoring_case(field.name, "connection")) {
      if (lists(field.value, "close")) keep_alive_ = false;
      continue;
    }
    append_field(out, field.name, field.value);
  }
  if (!has_date) out += exchange.date.now();
  if (length) {
    append_number_field(out, "Content-Length", *length);
  } else if (status != 204 && status != 304 && head.method != Method::head) {
    chunked_ = head.version == Version::http_1_1;
    if (chunked_) out += "Transfer-Encoding: chunked\r\n";
    keep_alive_ = keep_alive_ && chunked_;  // HTTP/1.0 learns of the end by the end
  }
  // The body that was promised on condition may or may not come: no request can be told from it.
  if (owes_continue_ || run_->draining()) keep_alive_ = false;
  if (!keep_alive_) {
    out += "Connection: close\r\n";
  } else if (head.version == Version::http_1_0) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
  return {};
}

Result<void> ServerConn::send_body(std::string_view data) {
  if (broken_) return body_cut_off;
  if (data.empty()) return {};
  std::string& out = exchange_->out;
  std::string_view tail;
  if (chunked_) {
    char size[18];
    out.append(size, write_chunk_size(data.size(), size));
    tail = "\r\n";
  }
  if (out.size() + data.size() > pending_bytes_max) return write_out(data, tail);
  out += data;
  out += tail;
  return {};
}

Result<void> ServerConn::flush() { return write_out(); }

// Leaves the bytes pending: await_request() writes them.
Result<void> ServerConn::send_end(const Headers& trailers) {
  if (broken_) return body_cut_off;
  if (!chunked_) return {};
  std::string& out = exchange_->out;
  out += "0\r\n";
  for (const Headers::Field& field : trailers) append_field(out, field.name, field.value);
  out += "\r\n";
  return {};
}

}  // namespace sluice::http::internal
