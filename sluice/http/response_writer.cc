// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/response_writer.h"

#include "sluice/base/assert.h"
#include "sluice/http/internal/chars.h"
#include "sluice/http/internal/stream.h"

namespace sluice::http {
namespace {

// A body up to this size is sent in one piece with its length; beyond, it streams.
constexpr size_t buffer_bytes_max = 16 * 1024;
// What a reused writer keeps.
constexpr size_t kept_bytes_max = 4 * 1024;

constexpr ErrorSentinel no_body_error{Code::failed_precondition,
                                      "this response's status has no body"};
constexpr ErrorSentinel too_long_error{Code::failed_precondition,
                                       "body is longer than the announced Content-Length"};
constexpr ErrorSentinel too_short_error{Code::failed_precondition,
                                        "body is shorter than the announced Content-Length"};

}  // namespace

void ResponseWriter::reset(internal::Stream* stream, Method method) {
  stream_ = stream;
  status_ = 200;
  method_ = method;
  committed_ = false;
  finished_ = false;
  headers_.clear();
  trailers_.clear();
  if (body_.capacity() > kept_bytes_max) std::string().swap(body_);
  body_.clear();
  announced_left_.reset();
}

void ResponseWriter::set_status(int status) {
  SLUICE_ASSERT(status >= 200 && status <= 999, "a final response's status");
  if (!committed_) status_ = status;
}

// RFC 9110 6.4.1: by status; what a HEAD response "would have" is counted but not sent.
bool ResponseWriter::has_body() const { return status_ != 204 && status_ != 304; }

Result<void> ResponseWriter::write(std::string_view data) {
  if (data.empty()) return {};
  if (!has_body()) return no_body_error;
  if (!committed_) {
    if (body_.size() + data.size() <= buffer_bytes_max) {
      body_ += data;
      return {};
    }
    SLUICE_TRY(commit(std::nullopt));
  }
  if (announced_left_) {
    if (data.size() > *announced_left_) return too_long_error;
    *announced_left_ -= data.size();
  }
  return method_ == Method::head ? Result<void>() : stream_->send_body(data);
}

Result<void> ResponseWriter::flush() {
  if (!committed_) SLUICE_TRY(commit(std::nullopt));
  return stream_->flush();
}

// Sends the head and what was buffered. `length` is the whole body's, where the writer knows it.
Result<void> ResponseWriter::commit(std::optional<uint64_t> length) {
  committed_ = true;
  if (std::string_view announced = headers_.get("Content-Length"); !announced.empty()) {
    uint64_t value = 0;
    // For HEAD the announced length is what GET would send.
    if (internal::parse_decimal(announced, value) && has_body() &&
        (method_ == Method::head || !length || *length == value)) {
      length = value;
      announced_left_ = value;
    }
    headers_.remove("Content-Length");
  }
  headers_.remove("Transfer-Encoding");
  if (announced_left_ && body_.size() > *announced_left_) return too_long_error;
  SLUICE_TRY(stream_->send_head(status_, headers_, has_body() ? length : std::nullopt));
  if (announced_left_) *announced_left_ -= body_.size();
  if (body_.empty() || method_ == Method::head) return {};
  return stream_->send_body(body_);
}

// Called once, when the handler has returned.
Result<void> ResponseWriter::finish() {
  SLUICE_ASSERT(!finished_);
  finished_ = true;
  if (!committed_) {
    // Nothing written for HEAD: GET's body may have been spared, so its length is not known.
    bool unknown = method_ == Method::head && body_.empty();
    SLUICE_TRY(commit(unknown ? std::nullopt : std::optional<uint64_t>(body_.size())));
  }
  if (announced_left_.value_or(0) != 0 && method_ != Method::head) return too_short_error;
  return stream_->send_end(trailers_);
}

Result<void> ResponseWriter::reply(int status, std::string_view content_type,
                                   std::string_view body) {
  set_status(status);
  headers_.set("Content-Type", content_type);
  body_.clear();  // the whole body, also where a handler further in has begun another one
  return write(body);
}

Result<void> ResponseWriter::text(int status, std::string_view body) {
  return reply(status, "text/plain; charset=utf-8", body);
}

Result<void> ResponseWriter::json(int status, std::string_view body) {
  return reply(status, "application/json", body);
}

}  // namespace sluice::http
