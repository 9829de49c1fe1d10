// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/internal/chars.h"
#include "sluice/http/internal/field_facts.h"
#include "sluice/http/internal/head.h"
#include "sluice/http/internal/head_cursor.h"

namespace sluice::http::internal {
namespace {

constexpr size_t method_bytes_max = 24;
constexpr size_t leading_lines_max = 2;

enum class TargetForm : uint8_t { origin, absolute, authority, asterisk, bad };

// Every "%" is followed by two hexadecimal digits.
bool valid_escapes(std::string_view text) {
  for (size_t i = text.find('%'); i != std::string_view::npos; i = text.find('%', i + 1)) {
    if (i + 2 >= text.size()) return false;
    if (hex_digit(text[i + 1]) < 0 || hex_digit(text[i + 2]) < 0) return false;
  }
  return true;
}

// "/path?query". The path is strict, as it chooses the handler. In the query browsers send more
// than RFC 3986 has, "a[]=1|2" and lone percent signs too; it is data that query() decodes.
bool valid_path_and_query(std::string_view text) {
  size_t mark = std::min(text.find('?'), text.size());
  std::string_view path = text.substr(0, mark);
  return all_are(path, kTarget) && valid_escapes(path) && all_are(text.substr(mark), kQuery);
}

// RFC 9112 3.2. A fragment never is part of a target.
TargetForm classify_target(std::string_view target, Method method) {
  if (method == Method::connect) {
    bool has_port = target.rfind(':') != std::string_view::npos && !target.ends_with(':');
    return has_port && valid_host(target) ? TargetForm::authority : TargetForm::bad;
  }
  if (target == "*") return method == Method::options ? TargetForm::asterisk : TargetForm::bad;
  if (target.starts_with('/'))
    return valid_path_and_query(target) ? TargetForm::origin : TargetForm::bad;
  size_t scheme = target.find("://");
  if (scheme == std::string_view::npos) return TargetForm::bad;
  std::string_view name = target.substr(0, scheme);
  if (!equals_ignoring_case(name, "http") && !equals_ignoring_case(name, "https"))
    return TargetForm::bad;
  std::string_view rest = target.substr(scheme + 3);
  size_t slash = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view authority = rest.substr(0, slash);
  if (authority.empty() || !valid_host(authority)) return TargetForm::bad;
  return valid_path_and_query(rest.substr(slash)) ? TargetForm::absolute : TargetForm::bad;
}

Parsed parse_method(Cursor& cursor, RequestHead& head) {
  head.method_name = cursor.take_while(kToken);
  if (head.method_name.size() > method_bytes_max) return Parsed::error(501, "method too long");
  if (cursor.done()) return {};
  if (*cursor.at != ' ' || head.method_name.empty()) return Parsed::error(400, "malformed method");
  ++cursor.at;
  head.method = method_from_name(head.method_name);
  return Parsed::complete(0);
}

Parsed parse_target(Cursor& cursor, const HeadLimits& limits, RequestHead& head) {
  const char* start = cursor.at;
  const char* bound = start + std::min(limits.target_bytes_max + 1, size_t(cursor.end - start));
  while (cursor.at < bound && uint8_t(*cursor.at) > ' ' && uint8_t(*cursor.at) < 0x7f) ++cursor.at;
  head.target = {start, size_t(cursor.at - start)};
  if (head.target.size() > limits.target_bytes_max) return Parsed::error(414, "target too long");
  if (cursor.done()) return {};
  if (*cursor.at != ' ' || head.target.empty())
    return Parsed::error(400, "malformed request target");
  if (classify_target(head.target, head.method) == TargetForm::bad)
    return Parsed::error(400, "malformed request target");
  ++cursor.at;
  return Parsed::complete(0);
}

Parsed parse_version(Cursor& cursor, RequestHead& head) {
  bool incomplete = false;
  if (!take_literal(cursor, "HTTP/", incomplete))
    return Parsed::error(400, "malformed request line");
  if (incomplete || cursor.end - cursor.at < 3) {
    for (const char* c = cursor.at; c < cursor.end; ++c)
      if (!(c - cursor.at == 1 ? *c == '.' : *c >= '0' && *c <= '9'))
        return Parsed::error(400, "malformed version");
    return {};
  }
  std::string_view number(cursor.at, 3);
  if (number[1] != '.' || number[0] < '0' || number[0] > '9' || number[2] < '0' || number[2] > '9')
    return Parsed::error(400, "malformed version");
  if (number != "1.1" && number != "1.0") return Parsed::error(505, "version not supported");
  head.version = number == "1.1" ? Version::http_1_1 : Version::http_1_0;
  cursor.at += 3;
  switch (take_line_end(cursor)) {
    case LineEnd::found:
      return Parsed::complete(0);
    case LineEnd::incomplete:
      return {};
    case LineEnd::bad:
      break;
  }
  return Parsed::error(400, "malformed request line");
}

// RFC 9112 2.2: a server ought to ignore an empty line before the request line.
Parsed skip_empty_lines(Cursor& cursor) {
  for (size_t lines = 0;; ++lines) {
    if (cursor.done()) return {};
    if (*cursor.at != '\r' && *cursor.at != '\n') return Parsed::complete(0);
    if (lines == leading_lines_max) return Parsed::error(400, "empty lines before the request");
    switch (take_line_end(cursor)) {
      case LineEnd::found:
        break;
      case LineEnd::incomplete:
        return {};
      case LineEnd::bad:
        return Parsed::error(400, "bare CR or LF before the request");
    }
  }
}

Parsed parse_request(Cursor& cursor, const HeadLimits& limits, RequestHead& head) {
  Parsed step = skip_empty_lines(cursor);
  if (step.status == Parsed::Status::complete) step = parse_method(cursor, head);
  if (step.status == Parsed::Status::complete) step = parse_target(cursor, limits, head);
  if (step.status == Parsed::Status::complete) step = parse_version(cursor, head);
  if (step.status != Parsed::Status::complete) return step;

  FieldJudge judge;
  step = parse_fields(cursor, limits, head.headers,
                      [&](auto name, auto value) { return judge.on_field(name, value); });
  if (step.status != Parsed::Status::complete) return step;
  Parsed verdict = judge.judge_request(head.version, head.facts);
  return verdict.status == Parsed::Status::error ? verdict : step;
}

}  // namespace

Parsed parse_request_head(std::string_view bytes, const HeadLimits& limits, RequestHead& head) {
  head.headers.clear();
  head.facts = {};
  Cursor cursor(bytes);
  return bounded(parse_request(cursor, limits, head), bytes, limits);
}

}  // namespace sluice::http::internal
