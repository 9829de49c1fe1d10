// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/base/result.h"

namespace sluice::http {

// An absolute http URL, taken apart (RFC 3986, RFC 9110 4.2).
struct Url {
  std::string scheme;  // "http" or "https", lower case
  std::string host;    // lower case; a v6 literal without its brackets
  uint16_t port = 0;   // the scheme's own when the URL names none
  std::string target;  // path and query as sent in a request line; at least "/"

  // Refuses user information, control characters, spaces, bytes beyond ASCII and half escapes;
  // drops a fragment. Errors: invalid_argument.
  static Result<Url> parse(std::string_view text);

  // "host:port" as the Host field wants it: without the scheme's own port, with brackets.
  std::string authority() const;
  std::string to_string() const;
};

// Resolves %XX, and "+" to a space where that is asked for. nullopt: an escape is malformed.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

// Escapes everything but RFC 3986's unreserved characters: for path segments and query values.
std::string percent_encode(std::string_view text);

// The first value of `name` in "a=1&b=2", decoded as a form is; nullopt when absent or malformed.
std::optional<std::string> query_value(std::string_view query, std::string_view name);

}  // namespace sluice::http
