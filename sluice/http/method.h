// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::http {

// The methods of RFC 9110 9.3 and RFC 5789; `other` is an extension method, known by its name only.
enum class Method : uint8_t {
  get,
  head,
  post,
  put,
  patch,
  delete_,
  options,
  trace,
  connect,
  other
};

// The method's name; "" for `other`.
std::string_view name(Method method);

// Method names are case-sensitive (RFC 9110 9.1): "get" is `other`.
Method method_from_name(std::string_view name);

// RFC 9110 9.2.2: sending it twice has the effect of sending it once.
bool is_idempotent(Method method);

// The HTTP version of a message.
enum class Version : uint8_t { http_1_0, http_1_1, http_2 };

// "HTTP/1.1".
std::string_view name(Version version);

// The standard reason phrase, "Not Found"; "" for an unassigned status.
std::string_view reason_phrase(int status);

}  // namespace sluice::http
