// SPDX-License-Identifier: Apache-2.0

#include "sluice/net/listener.h"

#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "sluice/net/internal/interrupt_on_end.h"
#include "sluice/net/internal/simulated_calls.h"
#include "sluice/net/internal/syscalls.h"
#include "sluice/telemetry/log.h"

namespace sluice::net {
namespace {

using namespace std::chrono_literals;

constexpr ErrorSentinel closed_error{Code::failed_precondition, "use of closed listener"};

// A socket file that nobody listens on any more is left over from a process that was killed.
void remove_dead_socket(const Address& address) {
  sockaddr_storage storage;
  socklen_t size = address.to_sockaddr(storage);
  const char* path = reinterpret_cast<sockaddr_un*>(&storage)->sun_path;
  if (internal::simulated::is_installed()) return;  // its sockets have no files
  struct stat status;
  if (path[0] == '\0' || ::lstat(path, &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  int fd = internal::open_socket(AF_UNIX);
  if (fd < 0) return;
  if (internal::connect(fd, reinterpret_cast<sockaddr*>(&storage), size) == -ECONNREFUSED)
    ::unlink(path);
  internal::close_socket(fd);
}

bool is_shortage(int err) {
  return err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM;
}

// Which file lies at a Unix path now; 0: none.
ino_t inode_of(const Address& address) {
  struct stat status;
  if (address.family() != Address::Family::unix_path || address.host().starts_with('@')) return 0;
  return ::lstat(address.host().c_str(), &status) == 0 ? status.st_ino : 0;
}

class PollWaits final : public internal::Waits {
 public:
  explicit PollWaits(runtime::PollDesc& poll) : poll_(poll) {}
  void interrupt() override { poll_.interrupt(); }
  void clear_interrupt() override { poll_.clear_interrupt(); }

 private:
  runtime::PollDesc& poll_;
};

// What a client did to a connection that waited to be accepted: not the listener's failure.
bool is_clients_fault(int err) {
  return err == ECONNABORTED || err == EPROTO || err == EPERM || err == ENETDOWN ||
         err == EHOSTUNREACH || err == ENETUNREACH || err == EHOSTDOWN || err == ENOPROTOOPT ||
         err == EOPNOTSUPP || err == ENONET;
}

}  // namespace

Result<Listener> Listener::listen(std::string_view address) {
  return listen(SLUICE_TRY(Address::parse(address)));
}

Result<Listener> Listener::listen(const Address& address) {
  sockaddr_storage storage;
  socklen_t size = address.to_sockaddr(storage);
  if (size == 0) return Error(Code::invalid_argument, "listen on no address");
  if (address.family() == Address::Family::unix_path) remove_dead_socket(address);
  Listener listener;
  std::string what = "listen on " + address.to_string();
  int fd = internal::open_socket(storage.ss_family);
  if (fd < 0) return errno_error(-fd, what);
  listener.fd_ = fd;
  if (storage.ss_family != AF_UNIX) {
    internal::set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    internal::enable_keep_alive(fd);  // accepted connections inherit it
  }
  // "[::]" takes IPv4 as well, as in Go, whatever the system's default is.
  if (storage.ss_family == AF_INET6) internal::set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  int result = internal::bind(fd, reinterpret_cast<sockaddr*>(&storage), size);
  if (result == -EADDRINUSE)
    return wrap(errno_error(EADDRINUSE, what), Code::already_exists, "address is taken");
  if (result == 0) result = internal::listen(fd);
  if (result < 0) return errno_error(-result, what);
  SLUICE_TRY(listener.poll_.open(fd));
  socklen_t bound = sizeof(storage);
  if (internal::local_address(fd, reinterpret_cast<sockaddr*>(&storage), &bound) >= 0)
    listener.address_ = Address::from_sockaddr(reinterpret_cast<sockaddr*>(&storage), bound);
  if (!internal::simulated::is_simulated(fd)) listener.inode_ = inode_of(listener.address_);
  return listener;
}

Listener::Listener(Listener&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      poll_(std::move(other.poll_)),
      address_(std::exchange(other.address_, {})),
      inode_(other.inode_),
      pause_(other.pause_) {}

Listener& Listener::operator=(Listener&& other) noexcept {
  if (this == &other) return *this;
  close();
  fd_ = std::exchange(other.fd_, -1);
  poll_ = std::move(other.poll_);
  address_ = std::exchange(other.address_, {});
  inode_ = other.inode_;
  pause_ = other.pause_;
  return *this;
}

Listener::~Listener() { close(); }

void Listener::close() {
  if (fd_ < 0) return;
  poll_.close();
  internal::close_socket(std::exchange(fd_, -1));
  // A successor may have put its own socket there meanwhile.
  if (inode_ != 0 && inode_of(address_) == inode_) ::unlink(address_.host().c_str());
}

Result<Conn> Listener::accept() {
  for (;;) {
    if (fd_ < 0) return closed_error;
    sockaddr_storage storage;
    socklen_t size = sizeof(storage);
    auto* remote = reinterpret_cast<sockaddr*>(&storage);
    int fd = internal::accept(fd_, remote, &size);
    if (fd >= 0) {
      Result<Conn> conn = Conn::adopt(fd, Address::from_sockaddr(remote, size));
      if (conn) {
        pause_ = {};
        return conn;
      }
      // The kernel has no room to watch it. It is closed; the next one may fare better.
      SLUICE_TRY(wait_out_shortage(conn.error()));
    } else if (fd == -EAGAIN) {
      SLUICE_TRY(poll_.wait_read());
    } else if (is_shortage(-fd)) {
      SLUICE_TRY(wait_out_shortage(errno_error(-fd, "accept")));
    } else if (!is_clients_fault(-fd)) {
      return errno_error(-fd, "accept");
    }
  }
}

// The connections that wait keep the socket readable, so trying again at once would spin.
Result<void> Listener::wait_out_shortage(const Error& error) {
  if (pause_ == Duration{})
    log(Level::warn, "net: cannot accept connections for now",
        {{"address", address_.to_string()}, {"error", error}});
  pause_ = std::clamp<Duration>(pause_ * 2, 5ms, 1s);
  poll_.set_read_deadline(now() + pause_);
  // Further connections end the wait early; the pause is not theirs to shorten.
  Result<void> waited;
  while (waited) waited = poll_.wait_read();
  poll_.set_read_deadline(Instant::max());
  if (waited.error().code() == Code::deadline_exceeded) return {};
  return waited;
}

Result<Conn> Listener::accept(const Context& context) {
  if (auto ended = context.err()) return *ended;
  PollWaits waits(poll_);
  internal::InterruptOnEnd guard(context, waits);
  Result<Conn> conn = accept();
  if (!conn && conn.error().code() == Code::cancelled)
    if (auto ended = context.err()) return *ended;
  return conn;
}

}  // namespace sluice::net
