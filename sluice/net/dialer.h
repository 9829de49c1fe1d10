// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "sluice/base/result.h"
#include "sluice/base/time.h"
#include "sluice/context/context.h"
#include "sluice/net/address.h"
#include "sluice/net/conn.h"

namespace sluice::net {

// The addresses of a host, in the system's order of preference (getaddrinfo on a handed-off
// processor: it blocks no other goroutine). Errors: not_found, unavailable (try again).
Result<std::vector<Address>> resolve(std::string_view host, uint16_t port);

// RFC 8305 4: families alternate, the first address's family first; order within one is kept.
std::vector<Address> interleave_families(std::vector<Address> addresses);

struct DialerOptions {
  Duration timeout = std::chrono::seconds(10);              // for the whole dial, look-up included
  Duration attempt_delay = std::chrono::milliseconds(250);  // RFC 8305 5
  std::function<Result<std::vector<Address>>(std::string_view host, uint16_t port)> resolve =
      net::resolve;
  Address local;  // where connections come from, among addresses of its family; none: anywhere
};

// Opens connections. A host with several addresses is dialled happily (RFC 8305): one attempt at a
// time, the next one when the last failed or attempt_delay passed; the first to connect wins and
// the others are closed. Thread-safe.
class Dialer {
 public:
  explicit Dialer(DialerOptions options = {}) : options_(std::move(options)) {}

  // "example.org:80", "127.0.0.1:80", "[::1]:80", "unix:/path".
  // Errors: the context's, deadline_exceeded (timeout), not_found (name), unavailable (refused or
  // unreachable: the last attempt's cause), invalid_argument.
  Result<Conn> dial(Context context, std::string_view address) const;
  Result<Conn> dial(Context context, std::vector<Address> addresses) const;

 private:
  DialerOptions options_;
};

}  // namespace sluice::net
