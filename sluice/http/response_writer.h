// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/base/result.h"
#include "sluice/http/headers.h"
#include "sluice/http/method.h"

namespace sluice::http {

namespace internal {
class Stream;
struct ResponseAccess;
}  // namespace internal

// Where a handler puts its response. A body that fits the buffer is sent in one piece, with its
// Content-Length, when the handler returns; a larger one streams (chunked in HTTP/1.1) and write()
// waits while the client does not take it. Used by one goroutine at a time; dies with the handler.
class ResponseWriter {
 public:
  // 200 unless set. No effect once the head is sent.
  void set_status(int status);
  int status() const { return status_; }

  // Fields of the response. No effect once the head is sent. Date, Content-Length,
  // Transfer-Encoding and Connection are the server's; a Content-Length set here announces the size
  // of a body that streams, and "Connection: close" ends the connection.
  Headers& headers() { return headers_; }

  // Appends to the body.
  // Errors: failed_precondition (the status or the announced length has no place for it),
  // deadline_exceeded (client too slow), unavailable (client gone), cancelled.
  Result<void> write(std::string_view data);

  // Sends the head and what is buffered now. Errors: as write().
  Result<void> flush();

  // Fields to send after the body; used if the body streams and the client's version knows them.
  Headers& trailers() { return trailers_; }

  // The head was sent: status and fields can no longer change.
  bool committed() const { return committed_; }

  // Sets status, Content-Type and the whole body at once. Errors: as write().
  Result<void> reply(int status, std::string_view content_type, std::string_view body);
  Result<void> text(int status, std::string_view body);
  Result<void> json(int status, std::string_view body);

 private:
  friend struct internal::ResponseAccess;

  Result<void> commit(std::optional<uint64_t> length);
  Result<void> finish();
  bool has_body() const;
  void reset(internal::Stream* stream, Method method);

  internal::Stream* stream_ = nullptr;
  int status_ = 200;
  Method method_ = Method::get;  // of the request: HEAD sends no body
  bool committed_ = false;
  bool finished_ = false;
  Headers headers_;
  Headers trailers_;
  std::string body_;                        // until committed
  std::optional<uint64_t> announced_left_;  // bytes that Content-Length still promises
};

}  // namespace sluice::http
