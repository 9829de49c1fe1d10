// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "sluice/http/internal/stream.h"

namespace sluice::http::internal {

// An exchange without a connection: what a handler answered is kept as text.
class MemoryStream final : public Stream {
 public:
  Result<size_t> read_body(std::span<char> out) override {
    size_t size = std::min(out.size(), body.size());
    body.copy(out.data(), size);
    body.erase(0, size);
    return size;
  }
  const Headers& request_trailers() override { return none_; }
  Context context() override { return {}; }
  const net::Address& remote_address() const override { return address_; }
  Result<void> send_head(int status, const Headers& headers,
                         std::optional<uint64_t> length) override {
    text = std::to_string(status);
    this->length = length;
    if (headers.contains("Allow")) text += " " + std::string(headers.get("Allow"));
    return {};
  }
  Result<void> send_body(std::string_view data) override {
    text += " " + std::string(data);
    return {};
  }
  Result<void> flush() override { return {}; }
  Result<void> send_end(const Headers&) override { return {}; }

  std::string body;  // of the request, not yet read
  std::string text;  // the response: status, Allow, pieces of the body
  std::optional<uint64_t> length;

 private:
  Headers none_;
  net::Address address_;
};

}  // namespace sluice::http::internal
