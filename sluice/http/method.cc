// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/method.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace sluice::http {
namespace {

constexpr std::array<std::string_view, 10> method_names = {
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", ""};

struct StatusPhrase {
  int status;
  std::string_view phrase;
};

// IANA's "HTTP Status Code Registry", ascending.
constexpr StatusPhrase phrases[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {499, "Client Closed Request"},  // not registered; what a cancelled request maps to
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {511, "Network Authentication Required"},
};

}  // namespace

std::string_view name(Method method) { return method_names[size_t(method)]; }

Method method_from_name(std::string_view name) {
  for (size_t i = 0; i < size_t(Method::other); ++i)
    if (method_names[i] == name) return Method(i);
  return Method::other;
}

bool is_idempotent(Method method) {
  switch (method) {
    case Method::get:
    case Method::head:
    case Method::put:
    case Method::delete_:
    case Method::options:
    case Method::trace:
      return true;
    default:
      return false;
  }
}

std::string_view name(Version version) {
  switch (version) {
    case Version::http_1_0:
      return "HTTP/1.0";
    case Version::http_1_1:
      return "HTTP/1.1";
    case Version::http_2:
      return "HTTP/2.0";
  }
  return "";
}

std::string_view reason_phrase(int status) {
  if (status == 200) return "OK";
  auto at = std::lower_bound(std::begin(phrases), std::end(phrases), status,
                             [](const StatusPhrase& p, int wanted) { return p.status < wanted; });
  return at != std::end(phrases) && at->status == status ? at->phrase : "";
}

}  // namespace sluice::http
