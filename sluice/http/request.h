// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/base/result.h"
#include "sluice/context/context.h"
#include "sluice/http/headers.h"
#include "sluice/http/internal/head.h"
#include "sluice/http/method.h"
#include "sluice/net/address.h"

namespace sluice::http {

namespace internal {
class Stream;
struct RequestAccess;
struct RouteNode;
}  // namespace internal

// A request as its handler sees it, whatever protocol carried it. Lives until the handler returns;
// all views die with it. Used by one goroutine at a time.
class Request {
 public:
  Method method() const { return head_.method; }
  std::string_view method_name() const { return head_.method_name; }
  Version version() const { return head_.version; }

  // The target as sent: "/v1/payments?limit=10".
  std::string_view target() const { return head_.target; }
  // The target's path, still percent-encoded: "/v1/payments".
  std::string_view path() const;
  // What follows the "?", still encoded; "" when there is none.
  std::string_view query_string() const;
  // The first query parameter of that name, decoded; nullopt when there is none.
  std::optional<std::string> query(std::string_view name) const;

  // "example.org:8080", from the target or the Host field (RFC 9112 3.2.2).
  std::string_view host() const;

  const Headers& headers() const { return head_.headers; }
  // The first value of that field; "" when there is none.
  std::string_view header(std::string_view name) const { return head_.headers.get(name); }

  // The value a router's {name} or {name...} matched, decoded; "" when there is none.
  std::string_view param(std::string_view name) const;
  // The router's pattern that matched, "/v1/payments/{id}"; "" before routing.
  std::string_view route() const { return route_; }

  // The body's size when the client announced it; nullopt for a chunked one.
  std::optional<uint64_t> content_length() const;

  // Waits for the next piece of the body; 0 is its end. What the handler does not read, the server
  // discards or cuts off.
  // Errors: resource_exhausted (larger than the server allows), deadline_exceeded (client too
  // slow), invalid_argument (malformed), unavailable (client gone). Returning one from the handler
  // answers with the right status.
  Result<size_t> read(std::span<char> out);

  // The rest of the body as one string. Errors: as read(); resource_exhausted beyond `bytes_max`.
  Result<std::string> read_all(size_t bytes_max = 1024 * 1024);

  // Fields after a chunked body; empty before its end.
  const Headers& trailers() const;

  // Ends when the client goes away, when the server stops hard, and when the handler has returned.
  // The first call starts to watch the connection; a handler that never asks pays nothing.
  Context context();
  // What context() returns from now on: for middleware that adds a deadline or a value.
  void set_context(Context context) { context_ = std::move(context); }

  const net::Address& remote_address() const;

 private:
  friend struct internal::RequestAccess;

  struct Param {
    std::string_view name;
    std::string_view value;
  };

  internal::RequestHead head_;
  internal::Stream* stream_ = nullptr;
  std::optional<Context> context_;
  std::string_view route_;
  const internal::RouteNode* match_ = nullptr;  // what a router chose, for behind its middlewares
  std::vector<Param> params_;
  internal::Arena decoded_;  // values of params_ that were percent-encoded
};

}  // namespace sluice::http
