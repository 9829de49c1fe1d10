// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "sluice/base/result.h"
#include "sluice/net/address.h"
#include "sluice/runtime/simulation.h"

namespace sluice::net::internal::simulated {

class World;

// The world that is installed, for the question whether there is one; guarded by a lock of the
// calls for every other use.
extern constinit std::atomic<World*> installed;

// New sockets are simulated.
inline bool is_installed() { return installed.load(std::memory_order_relaxed) != nullptr; }

// The simulated network's descriptor, not the kernel's.
inline bool is_simulated(int fd) { return fd >= runtime::first_simulated_fd; }

// What syscalls.h declares, on the descriptors of the simulated network; they answer as Linux does.
// EBADF: of no network, or of one that is gone. Others may be interleaved before each but check().
ssize_t receive(int fd, void* data, size_t size, int flags);
ssize_t send(int fd, const iovec* pieces, size_t count);
int accept(int fd, sockaddr* address, socklen_t* size);
int open_socket(int family);
int connect(int fd, const sockaddr* address, socklen_t size);
int bind(int fd, const sockaddr* address, socklen_t size);
int listen(int fd);
int connect_outcome(int fd);
int local_address(int fd, sockaddr* address, socklen_t* size);
bool has_peer(int fd);
int shut_down_write(int fd);
int close_socket(int fd);
short poll_now(int fd, short events);
// The calls that change nothing here: 0 or -EBADF.
int check(int fd);

// Errors: not_found.
Result<std::vector<Address>> look_up(std::string_view host, uint16_t port);

}  // namespace sluice::net::internal::simulated
