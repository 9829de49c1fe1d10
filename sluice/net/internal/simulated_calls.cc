// SPDX-License-Identifier: Apache-2.0

#include "sluice/net/internal/simulated_calls.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "sluice/net/internal/simulated_world.h"

namespace sluice::net::internal::simulated {
namespace {

// Runs `call(world, socket)` under the lock. -EBADF: no such descriptor.
template <class Call>
auto on_socket(int fd, Call call)
    -> decltype(call(std::declval<World&>(), std::declval<Socket&>())) {
  Entry entry(Entry::From::call);
  Socket* socket = entry.find(fd);
  if (socket == nullptr) return -EBADF;
  return call(*entry.world(), *socket);
}

// As getsockname() does: as much as there is room for, and the whole size.
void give(const Address& address, int family, sockaddr* out, socklen_t* size) {
  if (out == nullptr || size == nullptr) return;
  sockaddr_storage storage;
  socklen_t whole = address.to_sockaddr(storage);
  if (whole == 0) {  // an unnamed Unix socket
    storage.ss_family = static_cast<sa_family_t>(family);
    whole = sizeof(sa_family_t);
  }
  std::memcpy(out, &storage, std::min(*size, whole));
  *size = whole;
}

}  // namespace

ssize_t receive(int fd, void* data, size_t size, int flags) {
  return on_socket(fd, [&](World& world, Socket& socket) {
    return world.receive(socket, static_cast<char*>(data), size, flags);
  });
}

ssize_t send(int fd, const iovec* pieces, size_t count) {
  return on_socket(fd,
                   [&](World& world, Socket& socket) { return world.send(socket, pieces, count); });
}

int accept(int fd, sockaddr* address, socklen_t* size) {
  return on_socket(fd, [&](World& world, Socket& listener) {
    int accepted = world.accept(listener);
    if (accepted >= 0) give(world.find(accepted)->remote, listener.family, address, size);
    return accepted;
  });
}

int open_socket(int family) {
  Entry entry(Entry::From::call);
  return entry.world() == nullptr ? -EAFNOSUPPORT : entry.world()->open(family);
}

int connect(int fd, const sockaddr* address, socklen_t size) {
  return on_socket(fd, [&](World& world, Socket& socket) {
    return world.connect(socket, Address::from_sockaddr(address, size));
  });
}

int bind(int fd, const sockaddr* address, socklen_t size) {
  return on_socket(fd, [&](World& world, Socket& socket) {
    return world.bind(socket, Address::from_sockaddr(address, size));
  });
}

int listen(int fd) {
  return on_socket(fd, [](World& world, Socket& socket) { return world.listen(socket); });
}

int connect_outcome(int fd) {
  return on_socket(fd, [](World&, Socket& socket) { return -std::exchange(socket.error, 0); });
}

int local_address(int fd, sockaddr* address, socklen_t* size) {
  return on_socket(fd, [&](World&, Socket& socket) {
    give(socket.local, socket.family, address, size);
    return 0;
  });
}

bool has_peer(int fd) {
  return on_socket(fd, [](World&, Socket& socket) {
           return socket.state == Socket::State::connected ? 0 : -ENOTCONN;
         }) == 0;
}

int shut_down_write(int fd) {
  return on_socket(fd, [](World& world, Socket& socket) { return world.shut_down_write(socket); });
}

int close_socket(int fd) {
  return on_socket(fd, [](World& world, Socket& socket) {
    world.close(socket);
    return 0;
  });
}

short poll_now(int fd, short events) {
  constexpr short always = POLLERR | POLLHUP;
  int now = on_socket(fd, [](World& world, Socket& socket) { return int(world.events(socket)); });
  return now < 0 ? POLLNVAL : static_cast<short>(now & (events | always));
}

int check(int fd) {
  Entry entry(Entry::From::elsewhere);
  return entry.find(fd) == nullptr ? -EBADF : 0;
}

Result<std::vector<Address>> look_up(std::string_view host, uint16_t port) {
  Entry entry(Entry::From::call);
  if (entry.world() == nullptr) return Error(Code::not_found, "the simulated network is gone");
  return entry.world()->look_up(host, port);
}

}  // namespace sluice::net::internal::simulated
