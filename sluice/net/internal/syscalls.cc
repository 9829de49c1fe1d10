// SPDX-License-Identifier: Apache-2.0

#include "sluice/net/internal/syscalls.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "sluice/net/internal/simulated_calls.h"

namespace sluice::net::internal {
namespace {

template <class Call>
[[gnu::always_inline]] inline auto retried(Call call) {
  for (;;) {
    auto result = call();
    if (result >= 0) return result;
    int err = errno;
    if (err != EINTR) return decltype(result)(-err);
  }
}

using simulated::is_simulated;

}  // namespace

[[gnu::noinline]] ssize_t receive(int fd, void* data, size_t size, int flags) {
  if (is_simulated(fd)) [[unlikely]]
    return simulated::receive(fd, data, size, flags);
  return retried([&] { return ::recv(fd, data, size, flags); });
}

[[gnu::noinline]] ssize_t send(int fd, const void* data, size_t size) {
  if (is_simulated(fd)) [[unlikely]] {
    iovec piece{const_cast<void*>(data), size};
    return simulated::send(fd, &piece, 1);
  }
  return retried([&] { return ::send(fd, data, size, MSG_NOSIGNAL); });
}

[[gnu::noinline]] ssize_t send_pieces(int fd, const iovec* pieces, size_t count) {
  if (is_simulated(fd)) [[unlikely]]
    return simulated::send(fd, pieces, count);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces);
  message.msg_iovlen = count;
  return retried([&] { return ::sendmsg(fd, &message, MSG_NOSIGNAL); });
}

[[gnu::noinline]] int accept(int fd, sockaddr* address, socklen_t* size) {
  if (is_simulated(fd)) [[unlikely]]
    return simulated::accept(fd, address, size);
  return retried([&] { return ::accept4(fd, address, size, SOCK_NONBLOCK | SOCK_CLOEXEC); });
}

[[gnu::noinline]] int open_socket(int family) {
  if (simulated::is_installed()) [[unlikely]]
    return simulated::open_socket(family);
  return retried([&] { return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); });
}

[[gnu::noinline]] int connect(int fd, const sockaddr* address, socklen_t size) {
  if (is_simulated(fd)) [[unlikely]]
    return simulated::connect(fd, address, size);
  // An interrupted connect goes on by itself and must not be repeated.
  if (::connect(fd, address, size) == 0) return 0;
  int err = errno;
  return err == EINTR ? -EINPROGRESS : -err;
}

[[gnu::noinline]] int bind(int fd, const sockaddr* address, socklen_t size) {
  if (is_simulated(fd)) [[unlikely]]
    return simulated::bind(fd, address, size);
  return retried([&] { return ::bind(fd, address, size); });
}

[[gnu::noinline]] int listen(int fd) {
  if (is_simulated(fd)) [[unlikely]]
    return simulated::listen(fd);
  return retried([&] { return ::listen(fd, SOMAXCONN); });
}

[[gnu::noinline]] int set_option(int fd, int level, int name, int value) {
  if (is_simulated(fd)) [[unlikely]]
    return simulated::check(fd);
  return retried([&] { return ::setsockopt(fd, level, name, &value, sizeof(value)); });
}

void enable_keep_alive(int fd) {
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 15);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 9);
}

[[gnu::noinline]] int connect_outcome(int fd) {
  if (is_simulated(fd)) [[unlikely]]
    return simulated::connect_outcome(fd);
  int err = 0;
  socklen_t size = sizeof(err);
  int result = retried([&] { return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size); });
  return result < 0 ? result : -err;
}

[[gnu::noinline]] bool has_peer(int fd) {
  if (is_simulated(fd)) [[unlikely]]
    return simulated::has_peer(fd);
  sockaddr_storage storage;
  socklen_t size = sizeof(storage);
  return ::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) == 0;
}

[[gnu::noinline]] int shut_down_write(int fd) {
  if (is_simulated(fd)) [[unlikely]]
    return simulated::shut_down_write(fd);
  return retried([&] { return ::shutdown(fd, SHUT_WR); });
}

[[gnu::noinline]] int local_address(int fd, sockaddr* address, socklen_t* size) {
  if (is_simulated(fd)) [[unlikely]]
    return simulated::local_address(fd, address, size);
  return retried([&] { return ::getsockname(fd, address, size); });
}

[[gnu::noinline]] void close_socket(int fd) {
  if (is_simulated(fd)) [[unlikely]]
    simulated::close_socket(fd);
  else
    ::close(fd);
}

[[gnu::noinline]] int make_non_blocking(int fd) {
  if (is_simulated(fd)) [[unlikely]]
    return simulated::check(fd);
  int flags = retried([&] { return ::fcntl(fd, F_GETFL, 0); });
  if (flags < 0 || (flags & O_NONBLOCK) != 0) return flags < 0 ? flags : 0;
  return retried([&] { return ::fcntl(fd, F_SETFL, flags | O_NONBLOCK); });
}

[[gnu::noinline]] short poll_now(int fd, short events) {
  if (is_simulated(fd)) [[unlikely]]
    return simulated::poll_now(fd, events);
  pollfd entry{fd, events, 0};
  // A signal interrupts it even though it does not wait.
  int ready = retried([&] { return ::poll(&entry, 1, 0); });
  return ready > 0 ? entry.revents : short(0);
}

}  // namespace sluice::net::internal
