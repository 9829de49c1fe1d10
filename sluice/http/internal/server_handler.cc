// SPDX-License-Identifier: Apache-2.0

#include <exception>
#include <string>

#include "sluice/http/error.h"
#include "sluice/http/internal/report.h"
#include "sluice/http/internal/request_access.h"
#include "sluice/http/internal/server_conn.h"

namespace sluice::http::internal {
namespace {

// The detail of an error that was an exception: it has been reported.
struct Panic {};

int status_of(const Error& error) {
  if (const StatusDetail* detail = as<StatusDetail>(error)) return detail->status;
  return info(error.code()).http_status;
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (uint8_t(c) < 0x20) {
      out += "\\u00";
      out += digits[uint8_t(c) >> 4];
      out += digits[uint8_t(c) & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace

// The boundary at which exceptions end.
Result<void> ServerConn::call_handler() {
  Exchange& exchange = *exchange_;
  std::string what;
  try {
    return run_->handler()(exchange.request, exchange.response);
  } catch (const std::exception& exception) {
    what = exception.what();
  } catch (...) {
    what = "not a std::exception";
  }
  // Whatever state the handler left behind, no further request shall meet it here.
  keep_alive_ = false;
  report_panic(exchange.request, what);
  return Error(Code::internal, "the handler threw").with(Panic{});
}

void ServerConn::run_handler() {
  Exchange& exchange = *exchange_;
  handling_ = true;
  Result<void> handled = call_handler();
  handling_ = false;
  if (watching_) stop_watching();
  RequestAccess::drop_context(exchange.request);
  scope_.reset();
  if (!handled && lost_) {  // nobody to answer, and not the handler's failure
    broken_ = true;
    return;
  }
  if (!handled && exchange.response.committed()) {
    // Too late for another status. Without the body's proper end the client notices.
    broken_ = true;
    if (!handled.error().detail<Panic>()) report_failure(exchange.request, 0, handled.error());
    return;
  }
  if (!handled) answer_error(handled.error());
  // What the handler left unread is read and dropped, or the connection ends with this response.
  if (!exchange.body.at_end() && (exchange.body.failed() || owes_continue_ ||
                                  (exchange.body.left() > run_->options().discard_bytes_max &&
                                   exchange.request.content_length().has_value())))
    keep_alive_ = false;
  if (Result<void> finished = ResponseAccess::finish(exchange.response);
      !finished && !broken_ && !lost_) {
    report_failure(exchange.request, 0, finished.error());
    broken_ = true;
  }
}

void ServerConn::answer_error(const Error& error) {
  Exchange& exchange = *exchange_;
  int status = status_of(error);
  if (status < 200 || status > 599) status = 500;
  if (status >= 500 && !error.detail<Panic>()) report_failure(exchange.request, status, error);
  // The server's own limits were reported where they were met; this one is the handler's.
  if (status == 413 && !exchange.body.failed()) note_refusal(status, error.message());
  // What went wrong inside is the log's business, not the client's.
  put_error(status, error.code(), status == 500 ? "internal error" : error.message());
}

// Replaces what the handler prepared by the error's own response.
void ServerConn::put_error(int status, Code code, std::string_view message) {
  Exchange& exchange = *exchange_;
  std::string body = R"({"error":{"code":)";
  append_json_string(body, info(code).name);
  body += R"(,"message":)";
  append_json_string(body, message);
  body += "}}\n";
  ResponseAccess::reset(exchange.response, this, exchange.request.method());
  // Cannot fail: it fits the buffer and nothing was announced.
  (void)exchange.response.json(status, body);
}

}  // namespace sluice::http::internal
