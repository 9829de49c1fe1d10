// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/request.h"

#include "sluice/http/error.h"
#include "sluice/http/internal/stream.h"
#include "sluice/http/url.h"

namespace sluice::http {
namespace {

// The target without scheme and authority: "/path?query".
std::string_view local_part(std::string_view target) {
  if (target.starts_with('/')) return target;
  size_t scheme = target.find("://");
  if (scheme == std::string_view::npos) return target;
  size_t slash = target.find_first_of("/?", scheme + 3);
  return slash == std::string_view::npos ? std::string_view() : target.substr(slash);
}

}  // namespace

std::string_view Request::path() const {
  std::string_view local = local_part(head_.target);
  std::string_view path = local.substr(0, local.find('?'));
  return path.empty() ? "/" : path;
}

std::string_view Request::query_string() const {
  size_t mark = head_.target.find('?');
  return mark == std::string_view::npos ? "" : head_.target.substr(mark + 1);
}

std::optional<std::string> Request::query(std::string_view name) const {
  return query_value(query_string(), name);
}

std::string_view Request::host() const {
  // RFC 9112 3.2.2: the target's authority, where it has one, counts more than the field.
  if (head_.target.starts_with('/') || head_.target == "*") return head_.facts.host;
  size_t scheme = head_.target.find("://");
  if (scheme == std::string_view::npos) return head_.target;  // CONNECT's form
  std::string_view rest = head_.target.substr(scheme + 3);
  return rest.substr(0, rest.find_first_of("/?"));
}

std::string_view Request::param(std::string_view name) const {
  for (const Param& param : params_)
    if (param.name == name) return param.value;
  return {};
}

std::optional<uint64_t> Request::content_length() const {
  if (head_.facts.framing == internal::Framing::chunked) return std::nullopt;
  return head_.facts.content_length;
}

Result<size_t> Request::read(std::span<char> out) { return stream_->read_body(out); }

Result<std::string> Request::read_all(size_t bytes_max) {
  std::string body;
  auto too_large = [] {
    return Error(Code::resource_exhausted, "request body too large").with(StatusDetail{413});
  };
  if (auto length = content_length()) {
    if (*length > bytes_max) return too_large();
    body.reserve(*length);
  }
  char piece[4096];
  for (;;) {
    size_t got = SLUICE_TRY(stream_->read_body(piece));
    if (got == 0) return body;
    if (got > bytes_max - body.size()) return too_large();
    body.append(piece, got);
  }
}

const Headers& Request::trailers() const { return stream_->request_trailers(); }

Context Request::context() {
  if (!context_) context_ = stream_->context();
  return *context_;
}

const net::Address& Request::remote_address() const { return stream_->remote_address(); }

}  // namespace sluice::http
