// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/url.h"

#include <algorithm>

#include "sluice/http/internal/chars.h"
#include "sluice/http/internal/head.h"

namespace sluice::http {
namespace {

Error malformed(std::string_view why) {
  return Error(Code::invalid_argument, "URL: " + std::string(why));
}

uint16_t default_port(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  Url url;
  size_t colon = text.find("://");
  if (colon == std::string_view::npos) return malformed("no scheme");
  for (char c : text.substr(0, colon)) url.scheme += internal::lower(c);
  if (url.scheme != "http" && url.scheme != "https") return malformed("scheme is not http");
  std::string_view rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  size_t slash = rest.find_first_of("/?");
  std::string_view authority = rest.substr(0, slash);
  if (authority.find('@') != std::string_view::npos)
    return malformed("user information is not supported");
  if (authority.empty() || authority.front() == ':' || !internal::valid_host(authority))
    return malformed("bad host");

  std::string_view host = authority;
  url.port = default_port(url.scheme);
  size_t port = authority.rfind(':');
  if (port != std::string_view::npos && authority.find(']', port) == std::string_view::npos) {
    host = authority.substr(0, port);
    uint64_t number = 0;
    std::string_view digits = authority.substr(port + 1);
    if (!digits.empty()) {
      if (!internal::parse_decimal(digits, number) || number == 0 || number > 65535)
        return malformed("bad port");
      url.port = uint16_t(number);
    }
  }
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  for (char c : host) url.host += internal::lower(c);

  std::string_view target = slash == std::string_view::npos ? "" : rest.substr(slash);
  if (!internal::all_are(target, internal::kTarget) || !percent_decode(target))
    return malformed("bad path or query");
  if (!target.starts_with('/')) url.target = '/';
  url.target += target;
  return url;
}

std::string Url::authority() const {
  std::string out = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != default_port(scheme)) out += ":" + std::to_string(port);
  return out;
}

std::string Url::to_string() const { return scheme + "://" + authority() + target; }

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (text.size() - i < 3) return std::nullopt;
      int high = internal::hex_digit(text[i + 1]), low = internal::hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += char(high << 4 | low);
      i += 2;
    }
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    char l = internal::lower(c);
    bool plain = (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                 c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += digits[uint8_t(c) >> 4];
      out += digits[uint8_t(c) & 15];
    }
  }
  return out;
}

std::optional<std::string> query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    size_t end = query.find('&');
    std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? "" : query.substr(end + 1);
    size_t equals = pair.find('=');
    auto key = percent_decode(pair.substr(0, equals), true);
    if (!key || *key != name) continue;
    return percent_decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1), true);
  }
  return std::nullopt;
}

}  // namespace sluice::http
