// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>

namespace sluice::net::internal {

// System calls that answer -errno. Each reads errno in its own frame, beside the call: errno is
// thread-local, a goroutine may change threads at any park, and compilers cache errno's address
// across calls. They never wait on the non-blocking sockets they are given, and retry EINTR.
//
// While there is a simulated network, new sockets are its own, and calls on those go to it.

ssize_t receive(int fd, void* data, size_t size, int flags);
ssize_t send(int fd, const void* data, size_t size);
ssize_t send_pieces(int fd, const iovec* pieces, size_t count);
// Returns a non-blocking, close-on-exec socket.
int accept(int fd, sockaddr* address, socklen_t* size);
int open_socket(int family);
int connect(int fd, const sockaddr* address, socklen_t size);
int bind(int fd, const sockaddr* address, socklen_t size);
int listen(int fd);
int set_option(int fd, int level, int name, int value);
// Makes the kernel probe a TCP peer that has been silent for 15 s, and give it up when nine probes
// 15 s apart stay without an answer (Go's figures): a host that vanished sends no end of stream.
void enable_keep_alive(int fd);
// What a connect that had to wait came to: 0 or -errno.
int connect_outcome(int fd);
// Whether the socket is connected.
bool has_peer(int fd);
int shut_down_write(int fd);
int local_address(int fd, sockaddr* address, socklen_t* size);
void close_socket(int fd);
int make_non_blocking(int fd);
// poll() without waiting: the events among `events` that hold now, or 0.
short poll_now(int fd, short events);

}  // namespace sluice::net::internal
