// SPDX-License-Identifier: Apache-2.0

#include "sluice/net/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "sluice/base/error.h"

namespace sluice::net {
namespace {

Error malformed(std::string_view text, std::string_view why) {
  std::string message = "address \"";
  message += text;
  message += "\": ";
  message += why;
  return Error(Code::invalid_argument, std::move(message));
}

// A number that spans the whole text.
template <class Number>
bool parse_number(std::string_view text, Number& value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

}  // namespace

Result<Address::HostPort> Address::split_host_port(std::string_view text) {
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return malformed(text, "no port");
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return malformed(text, "unmatched bracket");
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return malformed(text, "an IPv6 address stands in brackets");
  }
  uint16_t port = 0;
  if (!parse_number(text.substr(colon + 1), port)) return malformed(text, "bad port");
  return HostPort{std::string(host), port};
}

Result<Address> Address::parse(std::string_view text) {
  Address address;
  if (text.starts_with("unix:")) {
    address.family_ = Family::unix_path;
    address.path_ = text.substr(5);
    if (address.path_.empty()) return malformed(text, "no path");
    if (address.path_.size() >= sizeof(sockaddr_un::sun_path))
      return malformed(text, "path too long for a Unix socket");
    if (address.path_.find('\0') != std::string::npos) return malformed(text, "NUL in the path");
    if (address.path_.front() == '@') address.path_.front() = '\0';
    return address;
  }
  HostPort parts = SLUICE_TRY(split_host_port(text));
  if (parts.host.empty()) parts.host = "::";
  address = from_ip(parts.host, parts.port);
  if (address.family_ == Family::none) return malformed(text, "not an IP address");
  return address;
}

Address Address::from_ip(std::string_view ip, uint16_t port) {
  Address address;
  address.port_ = port;
  std::string_view zone;
  if (size_t percent = ip.find('%'); percent != std::string_view::npos) {
    zone = ip.substr(percent + 1);
    ip = ip.substr(0, percent);
    if (zone.empty()) return {};
    if (!parse_number(zone, address.zone_))
      address.zone_ = if_nametoindex(std::string(zone).c_str());
    if (address.zone_ == 0) return {};
  }
  std::string literal(ip);
  if (zone.empty() && inet_pton(AF_INET, literal.c_str(), address.bytes_.data()) == 1) {
    address.family_ = Family::ipv4;
  } else if (inet_pton(AF_INET6, literal.c_str(), address.bytes_.data()) == 1) {
    address.family_ = Family::ipv6;
  } else {
    return {};
  }
  return address;
}

Address Address::from_sockaddr(const sockaddr* from, socklen_t size) {
  Address address;
  if (size < sizeof(sa_family_t)) return address;
  if (from->sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
    auto* in = reinterpret_cast<const sockaddr_in*>(from);
    address.family_ = Family::ipv4;
    address.port_ = ntohs(in->sin_port);
    std::memcpy(address.bytes_.data(), &in->sin_addr, 4);
  } else if (from->sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    auto* in = reinterpret_cast<const sockaddr_in6*>(from);
    address.family_ = Family::ipv6;
    address.port_ = ntohs(in->sin6_port);
    address.zone_ = in->sin6_scope_id;
    std::memcpy(address.bytes_.data(), &in->sin6_addr, 16);
  } else if (from->sa_family == AF_UNIX) {
    auto* in = reinterpret_cast<const sockaddr_un*>(from);
    size_t length = size - offsetof(sockaddr_un, sun_path);
    address.family_ = Family::unix_path;
    // A path ends at its NUL; an abstract name starts with one and ends with the size.
    if (length > 0 && in->sun_path[0] != '\0') length = strnlen(in->sun_path, length);
    address.path_.assign(in->sun_path, length);
  }
  return address;
}

socklen_t Address::to_sockaddr(sockaddr_storage& storage) const {
  std::memset(&storage, 0, sizeof(storage));
  switch (family_) {
    case Family::none:
      return 0;
    case Family::ipv4: {
      auto* out = reinterpret_cast<sockaddr_in*>(&storage);
      out->sin_family = AF_INET;
      out->sin_port = htons(port_);
      std::memcpy(&out->sin_addr, bytes_.data(), 4);
      return sizeof(*out);
    }
    case Family::ipv6: {
      auto* out = reinterpret_cast<sockaddr_in6*>(&storage);
      out->sin6_family = AF_INET6;
      out->sin6_port = htons(port_);
      out->sin6_scope_id = zone_;
      std::memcpy(&out->sin6_addr, bytes_.data(), 16);
      return sizeof(*out);
    }
    case Family::unix_path: {
      auto* out = reinterpret_cast<sockaddr_un*>(&storage);
      out->sun_family = AF_UNIX;
      std::memcpy(out->sun_path, path_.data(), std::min(path_.size(), sizeof(out->sun_path) - 1));
      bool abstract = !path_.empty() && path_.front() == '\0';
      return socklen_t(offsetof(sockaddr_un, sun_path) + path_.size() + (abstract ? 0 : 1));
    }
  }
  return 0;
}

bool Address::is_loopback() const {
  switch (family_) {
    case Family::ipv4:
      return bytes_[0] == 127;
    case Family::ipv6:
      return std::all_of(bytes_.begin(), bytes_.end() - 1, [](uint8_t b) { return b == 0; }) &&
             bytes_[15] == 1;
    case Family::unix_path:
      return true;
    case Family::none:
      break;
  }
  return false;
}

std::string Address::host() const {
  char text[INET6_ADDRSTRLEN] = "";
  switch (family_) {
    case Family::none:
      return "";
    case Family::ipv4:
      return inet_ntop(AF_INET, bytes_.data(), text, sizeof(text));
    case Family::ipv6: {
      std::string out = inet_ntop(AF_INET6, bytes_.data(), text, sizeof(text));
      return zone_ == 0 ? out : out + "%" + std::to_string(zone_);
    }
    case Family::unix_path:
      if (!path_.empty() && path_.front() == '\0') return "@" + path_.substr(1);
      return path_;
  }
  return "";
}

std::string Address::to_string() const {
  switch (family_) {
    case Family::none:
      return "";
    case Family::ipv4:
      return host() + ":" + std::to_string(port_);
    case Family::ipv6:
      return "[" + host() + "]:" + std::to_string(port_);
    case Family::unix_path:
      return "unix:" + host();
  }
  return "";
}

}  // namespace sluice::net
