// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "sluice/base/result.h"
#include "sluice/context/context.h"
#include "sluice/http/headers.h"
#include "sluice/net/address.h"

namespace sluice::http::internal {

// One request/response exchange as a protocol carries it: the seam between the message types that
// handlers see and HTTP/1.1 or HTTP/2 below. Used by the exchange's own goroutine only.
class Stream {
 public:
  // Reads a piece of the request's body into `out`; 0 is the end of the body.
  // Errors: resource_exhausted (body limit), deadline_exceeded (no progress), invalid_argument
  // (malformed coding), unavailable (client gone).
  virtual Result<size_t> read_body(std::span<char> out) = 0;

  // The request's trailer fields; empty before the end of the body.
  virtual const Headers& request_trailers() = 0;

  // Ends when the client goes away, when the server is stopped hard, and after the handler.
  virtual Context context() = 0;

  virtual const net::Address& remote_address() const = 0;

  // The response's head. `length` is its body's size where it is known.
  virtual Result<void> send_head(int status, const Headers& headers,
                                 std::optional<uint64_t> length) = 0;
  // A piece of the body; waits while the client does not take it.
  virtual Result<void> send_body(std::string_view data) = 0;
  // Passes what is buffered to the kernel.
  virtual Result<void> flush() = 0;
  // Ends the body. Trailers are dropped where the protocol's version has no place for them.
  virtual Result<void> send_end(const Headers& trailers) = 0;

 protected:
  ~Stream() = default;
};

}  // namespace sluice::http::internal
