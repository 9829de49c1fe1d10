// SPDX-License-Identifier: Apache-2.0

// What programs see of sockets, on the kernel's and on simulated ones: it is the same. Each
// scenario waits for what it is about to see, as packets of the loopback take no time.

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/net/internal/syscalls.h"
#include "sluice/net/internal/test_network.h"
#include "sluice/net/internal/test_pair.h"

namespace sluice::net {
namespace {

using internal::connected;
using internal::on_runtime;
using internal::Pair;

using Seen = std::vector<std::string>;

std::string text_of(ssize_t result) {
  return result < 0 ? ::strerrorname_np(int(-result)) : std::to_string(result);
}
template <class T>
std::string text_of(const Result<T>& result) {
  return result ? "ok" : text_of(-internal::errno_of(result.error()));
}

// One read, which waits.
std::string read_of(Conn& conn) {
  char piece[100];
  Result<size_t> got = conn.read(piece);
  return got ? "\"" + std::string(piece, *got) + "\"" : text_of(got);
}

// The error of the first write that has one.
std::string failing_write(Conn& conn) {
  Result<void> written;
  while (written) {
    written = conn.write("x");
    yield();
  }
  return text_of(written);
}

std::string flags_of(const Conn& conn) {
  short now = internal::poll_now(conn.fd(), POLLIN | POLLOUT | POLLRDHUP);
  std::string text;
  for (auto [flag, name] : {std::pair<short, const char*>{POLLIN, "in "},
                            {POLLOUT, "out "},
                            {POLLRDHUP, "rdhup "},
                            {POLLHUP, "hup "},
                            {POLLERR, "err "}})
    if ((now & flag) != 0) text += name;
  return text;
}

void arrived(const Conn& conn, short events) {
  while ((internal::poll_now(conn.fd(), events) & events) == 0) yield();
}

Seen closed_in_order(const std::string& address) {
  Pair pair = connected(address);
  Seen seen{flags_of(pair.server)};
  EXPECT_TRUE(pair.client.write("last"));
  pair.client.close();
  arrived(pair.server, POLLRDHUP);
  seen.push_back(flags_of(pair.server));
  seen.push_back(read_of(pair.server));
  seen.push_back(read_of(pair.server));
  seen.push_back(failing_write(pair.server));
  seen.push_back(read_of(pair.server));
  seen.push_back(flags_of(pair.server));
  return seen;
}

Seen closed_with_unread_bytes(const std::string& address) {
  Pair pair = connected(address);
  EXPECT_TRUE(pair.server.write("unread"));
  arrived(pair.client, POLLIN);
  pair.client.close();
  arrived(pair.server, POLLHUP);
  Seen seen{flags_of(pair.server)};
  seen.push_back(read_of(pair.server));
  seen.push_back(flags_of(pair.server));
  seen.push_back(read_of(pair.server));
  seen.push_back(text_of(pair.server.write("x")));
  return seen;
}

// A write is told of the reset first, when it comes first.
Seen written_after_a_reset(const std::string& address) {
  Pair pair = connected(address);
  EXPECT_TRUE(pair.server.write("unread"));
  arrived(pair.client, POLLIN);
  pair.client.close();
  arrived(pair.server, POLLHUP);
  return {text_of(pair.server.write("x")), text_of(pair.server.write("x")), read_of(pair.server)};
}

Seen reset_with_bytes_there(const std::string& address) {
  Pair pair = connected(address);
  EXPECT_TRUE(pair.server.write("unread"));
  EXPECT_TRUE(pair.client.write("before"));
  arrived(pair.client, POLLIN);
  arrived(pair.server, POLLIN);
  pair.client.close();
  arrived(pair.server, POLLHUP);
  return {flags_of(pair.server), read_of(pair.server), read_of(pair.server), read_of(pair.server)};
}

Seen half_closed(const std::string& address) {
  Pair pair = connected(address);
  Seen seen{text_of(pair.client.close_write()), text_of(pair.client.close_write())};
  arrived(pair.server, POLLRDHUP);
  seen.push_back(flags_of(pair.server));
  seen.push_back(flags_of(pair.client));
  seen.push_back(text_of(pair.client.write("x")));
  seen.push_back(text_of(pair.server.write("answer")));
  seen.push_back(read_of(pair.client));
  seen.push_back(text_of(pair.server.close_write()));
  arrived(pair.client, POLLHUP);
  seen.push_back(flags_of(pair.client));
  seen.push_back(read_of(pair.client));
  seen.push_back(read_of(pair.client));
  return seen;
}

Seen listener_closes(const std::string& address) {
  Result<Listener> listener = Listener::listen(address);
  Result<Conn> client = Dialer().dial({}, listener->address().to_string());
  listener->close();
  Seen seen{read_of(*client), read_of(*client)};
  seen.push_back(text_of(Dialer().dial({}, client->remote_address().to_string())));
  return seen;
}

Seen used_too_early(const std::string& address) {
  sockaddr_storage storage;
  socklen_t size = Address::parse(address)->to_sockaddr(storage);
  auto* own = reinterpret_cast<sockaddr*>(&storage);
  int fd = internal::open_socket(own->sa_family);
  char byte = 0;
  Seen seen{text_of(internal::accept(fd, nullptr, nullptr)),
            text_of(internal::shut_down_write(fd)),
            text_of(internal::has_peer(fd)),
            text_of(internal::connect_outcome(fd)),
            text_of(internal::bind(fd, own, size)),
            text_of(internal::bind(fd, own, size)),
            text_of(internal::listen(fd)),
            text_of(internal::accept(fd, nullptr, nullptr)),
            text_of(internal::poll_now(fd, POLLIN | POLLOUT)),
            text_of(internal::shut_down_write(fd))};
  internal::close_socket(fd);
  Pair pair = connected(address);
  seen.push_back(text_of(internal::accept(pair.client.fd(), nullptr, nullptr)));
  seen.push_back(text_of(internal::receive(pair.client.fd(), &byte, 1, 0)));
  EXPECT_TRUE(pair.server.write("x"));
  arrived(pair.client, POLLIN);
  seen.push_back(text_of(internal::receive(pair.client.fd(), &byte, 1, MSG_PEEK)));
  seen.push_back(text_of(internal::receive(pair.client.fd(), &byte, 1, 0)));
  return seen;
}

Seen nobody_listens(const std::string& address) {
  // Bound, as long as this takes, so that nobody else is.
  Result<Listener> listener = Listener::listen(address);
  std::string gone = listener->address().to_string();
  listener->close();
  return {text_of(Dialer().dial({}, gone)), text_of(Dialer().dial({}, "unix:/none/such.sock")),
          text_of(Dialer().dial({}, "unix:@none"))};
}

using Scenario = Seen (*)(const std::string& address);
struct Case {
  const char* name;
  Scenario scenario;
};
class SimulatedParity : public testing::TestWithParam<Case> {};

TEST_P(SimulatedParity, ShowsWhatTheKernelShows) {
  std::string own = "unix:@sluice-net-parity-" + std::to_string(::getpid());
  for (const std::string& address : {std::string("127.0.0.1:0"), std::string("[::1]:0"), own}) {
    Seen kernel, simulated;
    on_runtime([&] { kernel = GetParam().scenario(address); });
    on_runtime([&] {
      SimulatedNetwork network;
      simulated = GetParam().scenario(address);
    });
    EXPECT_EQ(simulated, kernel) << address;
  }
}

INSTANTIATE_TEST_SUITE_P(Sockets, SimulatedParity,
                         testing::Values(Case{"ClosedInOrder", closed_in_order},
                                         Case{"ClosedWithUnreadBytes", closed_with_unread_bytes},
                                         Case{"WrittenAfterAReset", written_after_a_reset},
                                         Case{"ResetWithBytesThere", reset_with_bytes_there},
                                         Case{"HalfClosed", half_closed},
                                         Case{"ListenerCloses", listener_closes},
                                         Case{"UsedTooEarly", used_too_early},
                                         Case{"NobodyListens", nobody_listens}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace sluice::net
