// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/base/result.h"

namespace sluice::net {

// A socket's address: IPv4, IPv6 (with zone) or Unix. A value; default-constructed it is none.
class Address {
 public:
  enum class Family : uint8_t { none, ipv4, ipv6, unix_path };

  Address() = default;

  // "127.0.0.1:80", "[::1]:80", "[fe80::1%2]:80", "unix:/run/x.sock", "unix:@name" (abstract),
  // ":80" (all addresses, IPv6 and IPv4). Names of hosts are the dialer's business.
  // Errors: invalid_argument.
  static Result<Address> parse(std::string_view text);

  // The text before and after the port's colon, brackets removed: {"example.org", 80}.
  // Errors: invalid_argument.
  struct HostPort {
    std::string host;
    uint16_t port;
  };
  static Result<HostPort> split_host_port(std::string_view text);

  // An address literal without port, brackets or zone name; none when `ip` is not one.
  static Address from_ip(std::string_view ip, uint16_t port);
  static Address from_sockaddr(const sockaddr* address, socklen_t size);

  // The same address with another port; Unix addresses have none.
  Address with_port(uint16_t port) const {
    Address copy = *this;
    if (family_ != Family::unix_path) copy.port_ = port;
    return copy;
  }

  // Fills `storage` and returns the size that bind() and connect() want.
  socklen_t to_sockaddr(sockaddr_storage& storage) const;

  Family family() const { return family_; }
  uint16_t port() const { return port_; }
  bool is_loopback() const;

  // What parse() reads, in the canonical form (RFC 5952 for IPv6).
  std::string to_string() const;
  // Without the port: "127.0.0.1", "::1", the path.
  std::string host() const;

  friend bool operator==(const Address&, const Address&) = default;

 private:
  Family family_ = Family::none;
  uint16_t port_ = 0;
  uint32_t zone_ = 0;                // IPv6 scope id
  std::array<uint8_t, 16> bytes_{};  // network order; IPv4 uses the first four
  std::string path_;                 // Unix; a leading NUL means abstract
};

}  // namespace sluice::net
