// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/notify_sdk/signature.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <vector>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "sluice/base/assert.h"

namespace notify_sdk {
namespace {

using sluice::Code;
using sluice::Error;
using sluice::Result;

constexpr size_t mac_bytes = 32;

std::string mac_hex(std::string_view secret, int64_t time, std::string_view body) {
  std::string signed_text = std::to_string(time);
  signed_text += '.';
  signed_text += body;
  std::array<unsigned char, mac_bytes> mac{};
  unsigned int length = 0;
  const unsigned char* made = HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                                   reinterpret_cast<const unsigned char*>(signed_text.data()),
                                   signed_text.size(), mac.data(), &length);
  SLUICE_ASSERT(made != nullptr && length == mac_bytes, "HMAC-SHA256 failed");
  std::string hex;
  hex.reserve(2 * mac_bytes);
  for (unsigned char byte : mac) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

struct Header {
  std::optional<int64_t> time;
  std::vector<std::string_view> signatures;
};

Result<Header> parse(std::string_view text) {
  Header header;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos)
      return Error{Code::invalid_argument, "the signature header has an item without '='"};
    const std::string_view key = item.substr(0, equals);
    const std::string_view value = item.substr(equals + 1);
    if (key == "v1") header.signatures.push_back(value);
    if (key != "t") continue;
    int64_t time = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), time);
    if (error != std::errc{} || end != value.data() + value.size() || value.starts_with('-'))
      return Error{Code::invalid_argument, "the signature header's t is not a Unix time"};
    header.time = time;
  }
  if (!header.time) return Error{Code::invalid_argument, "the signature header has no t"};
  if (header.signatures.empty())
    return Error{Code::invalid_argument, "the signature header has no v1"};
  return header;
}

}  // namespace

std::string sign(std::string_view secret, UnixTime now, std::string_view body) {
  const int64_t time = now.time_since_epoch().count();
  return "t=" + std::to_string(time) + ",v1=" + mac_hex(secret, time, body);
}

Result<void> verify(std::string_view secret, std::string_view header, std::string_view body,
                    UnixTime now, std::chrono::seconds tolerance) {
  const Header parsed = SLUICE_TRY(parse(header));
  const std::string expected = mac_hex(secret, *parsed.time, body);
  bool fits = false;
  // Every byte is compared whatever the first ones are: a forger learns nothing from the time.
  for (std::string_view given : parsed.signatures)
    fits |= given.size() == expected.size() &&
            CRYPTO_memcmp(given.data(), expected.data(), expected.size()) == 0;
  if (!fits) return Error{Code::unauthenticated, "no signature fits the body"};
  // After the signature, so that `t` is known to be ours. Unsigned: no overflow on wild values.
  const auto now_count = static_cast<uint64_t>(now.time_since_epoch().count());
  const auto time = static_cast<uint64_t>(*parsed.time);
  const uint64_t distance = now_count > time ? now_count - time : time - now_count;
  if (distance > static_cast<uint64_t>(tolerance.count()))
    return Error{Code::deadline_exceeded, "the signature's time is too far from now"};
  return {};
}

}  // namespace notify_sdk
