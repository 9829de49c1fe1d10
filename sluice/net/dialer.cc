// SPDX-License-Identifier: Apache-2.0

#include "sluice/net/dialer.h"

#include <netdb.h>

#include <cerrno>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "sluice/chan/channel.h"
#include "sluice/chan/select.h"
#include "sluice/net/internal/simulated_calls.h"
#include "sluice/net/internal/syscalls.h"
#include "sluice/runtime/go.h"

namespace sluice::net {
namespace {

// Whatever the reason, the caller may try again or elsewhere.
Error connect_error(int result, const std::string& what) {
  Error cause = errno_error(-result, what);
  if (result == -ENOENT || result == -EAGAIN || result == -ETIMEDOUT)
    return wrap(std::move(cause), Code::unavailable, "nobody answers");
  return cause;
}

// 0 or -errno.
int bind_to(const Address& local, int fd) {
  sockaddr_storage storage;
  socklen_t size = local.to_sockaddr(storage);
  return internal::bind(fd, reinterpret_cast<sockaddr*>(&storage), size);
}

// Connects to one address; the end of `context` aborts it.
Result<Conn> connect_one(const Context& context, const Address& local, const Address& address) {
  sockaddr_storage storage;
  socklen_t size = address.to_sockaddr(storage);
  std::string what = "connect to " + address.to_string();
  if (size == 0) return Error(Code::invalid_argument, "connect to no address");
  if (auto ended = context.err()) return *ended;
  int fd = internal::open_socket(storage.ss_family);
  if (fd < 0) return errno_error(-fd, what);
  if (storage.ss_family != AF_UNIX) internal::enable_keep_alive(fd);
  int result = local.family() == address.family() ? bind_to(local, fd) : 0;
  // Before it is registered: a socket that never connected reports that it was hung up.
  if (result == 0) result = internal::connect(fd, reinterpret_cast<sockaddr*>(&storage), size);
  if (result < 0 && result != -EINPROGRESS) {
    internal::close_socket(fd);
    return connect_error(result, what);
  }
  Conn conn = SLUICE_TRY(Conn::adopt(fd, address));
  while (result == -EINPROGRESS) {
    SLUICE_TRY(conn.wait_writable(context));
    int outcome = internal::connect_outcome(fd);
    if (outcome < 0) return connect_error(outcome, what);
    // No error may also mean: still on its way.
    if (internal::has_peer(fd)) result = 0;
  }
  return conn;
}

// The attempts of one dial and what they report to.
struct Race {
  Race(Address local, size_t attempts) : local(std::move(local)), outcomes(attempts) {}
  const Address local;
  Channel<std::shared_ptr<Result<Conn>>> outcomes;  // room for all: nobody waits to report
};

void start_attempt(const std::shared_ptr<Race>& race, const Context& context, Address address) {
  go([race, context, address = std::move(address)] {
    race->outcomes.send(std::make_shared<Result<Conn>>(connect_one(context, race->local, address)));
  });
}

Result<Conn> race_addresses(const Context& context, const DialerOptions& options,
                            std::vector<Address> addresses) {
  auto race = std::make_shared<Race>(options.local, addresses.size());
  // Ends the losers when this function returns.
  auto [attempts, cancel] = with_cancel(context);
  size_t started = 0, failed = 0;
  std::optional<Error> last;
  start_attempt(race, attempts, addresses[started++]);
  for (;;) {
    std::shared_ptr<Result<Conn>> outcome;
    bool ended = false;
    auto on_outcome = on_receive(
        race->outcomes, [&](std::shared_ptr<Result<Conn>> got) { outcome = std::move(got); });
    auto on_end = on_receive(context.done(), [&] { ended = true; });
    if (started < addresses.size()) {
      select(std::move(on_outcome), std::move(on_end), on_timeout(options.attempt_delay, [] {}));
    } else {
      select(std::move(on_outcome), std::move(on_end));
    }
    if (ended) return *context.err();
    if (outcome != nullptr) {
      if (outcome->has_value()) return std::move(**outcome);
      last = std::move(outcome->error());
      if (++failed == addresses.size()) return *last;
    }
    // RFC 8305 5: the next attempt starts when the last one failed or had its time.
    if (started < addresses.size()) start_attempt(race, attempts, addresses[started++]);
  }
}

Result<Conn> connect_any(const Context& context, const DialerOptions& options,
                         std::vector<Address> addresses) {
  if (addresses.empty()) return Error(Code::not_found, "no addresses to connect to");
  if (addresses.size() == 1) return connect_one(context, options.local, addresses.front());
  return race_addresses(context, options, interleave_families(std::move(addresses)));
}

// Tells the dialer's own timeout from the end of the caller's context.
Result<Conn> blamed(Result<Conn> conn, const Context& context) {
  if (!conn && conn.error().code() == Code::deadline_exceeded && !context.cancelled())
    return wrap(std::move(conn).error(), "connect: no answer in time");
  return conn;
}

// A look-up cannot be aborted: when the context ends it is left behind in its own goroutine.
template <class Resolve>
Result<std::vector<Address>> resolve_within(const Context& context, const Resolve& resolve,
                                            const std::string& host, uint16_t port) {
  using Found = std::shared_ptr<Result<std::vector<Address>>>;
  if (auto ended = context.err()) return *ended;
  Channel<Found> found{1};  // room for it: nobody may be there any more
  go([=] { found.send(std::make_shared<Result<std::vector<Address>>>(resolve(host, port))); });
  Found result;
  select(on_receive(found, [&](Found got) { result = std::move(got); }),
         on_receive(context.done(), [] {}));
  if (result == nullptr) return *context.err();
  return std::move(*result);
}

}  // namespace

Result<std::vector<Address>> resolve(std::string_view host, uint16_t port) {
  if (internal::simulated::is_installed()) [[unlikely]]
    return internal::simulated::look_up(host, port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  std::string name(host);
  int result = blocking([&] { return ::getaddrinfo(name.c_str(), nullptr, &hints, &found); });
  if (result != 0) {
    Code code = result == EAI_AGAIN    ? Code::unavailable
                : result == EAI_MEMORY ? Code::resource_exhausted
                                       : Code::not_found;
    return Error(code, "look up " + name + ": " + ::gai_strerror(result));
  }
  std::vector<Address> addresses;
  for (addrinfo* at = found; at != nullptr; at = at->ai_next) {
    Address address = Address::from_sockaddr(at->ai_addr, at->ai_addrlen).with_port(port);
    if (address.family() != Address::Family::none) addresses.push_back(std::move(address));
  }
  ::freeaddrinfo(found);
  if (addresses.empty()) return Error(Code::not_found, "look up " + name + ": no addresses");
  return addresses;
}

std::vector<Address> interleave_families(std::vector<Address> addresses) {
  if (addresses.empty()) return addresses;
  Address::Family first = addresses.front().family();
  std::deque<Address> same, other;
  for (Address& address : addresses)
    (address.family() == first ? same : other).push_back(std::move(address));
  std::vector<Address> out;
  while (!same.empty() || !other.empty()) {
    for (auto* queue : {&same, &other}) {
      if (queue->empty()) continue;
      out.push_back(std::move(queue->front()));
      queue->pop_front();
    }
  }
  return out;
}

Result<Conn> Dialer::dial(Context context, std::string_view address) const {
  if (address.starts_with("unix:"))
    return dial(std::move(context), {SLUICE_TRY(Address::parse(address))});
  auto [host, port] = SLUICE_TRY(Address::split_host_port(address));
  if (host.empty()) host = "localhost";
  Address literal = Address::from_ip(host, port);
  if (literal.family() != Address::Family::none) return dial(std::move(context), {literal});
  auto [limited, cancel] = with_timeout(context, options_.timeout);
  Result<std::vector<Address>> found = resolve_within(limited, options_.resolve, host, port);
  Result<Conn> conn = found ? connect_any(limited, options_, std::move(*found))
                            : Result<Conn>(std::move(found).error());
  return blamed(std::move(conn), context);
}

Result<Conn> Dialer::dial(Context context, std::vector<Address> addresses) const {
  auto [limited, cancel] = with_timeout(context, options_.timeout);
  return blamed(connect_any(limited, options_, std::move(addresses)), context);
}

}  // namespace sluice::net
