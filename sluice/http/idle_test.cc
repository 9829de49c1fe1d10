// SPDX-License-Identifier: Apache-2.0

// Ten thousand idle connections. The client is a child process, so that its descriptors and its
// memory are not the server's.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/http/internal/test_peer.h"

namespace sluice::http {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif
#else
constexpr bool sanitized = false;
#endif

size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  size_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * size_t(::sysconf(_SC_PAGESIZE));
}

rlim_t raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

// The child: connects, has one request answered on each connection, says so, and holds them until
// its input ends. Exit status 0 when all went well.
int hold_connections(size_t count, int input, int output) {
  in_port_t port = 0;
  if (::read(input, &port, sizeof(port)) != sizeof(port)) return 2;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  constexpr std::string_view request = "GET / HTTP/1.1\r\nHost: h\r\nX-Some: header\r\n\r\n";
  for (size_t i = 0; i < count; ++i) {
    int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
      return 3;
    if (::send(fd, request.data(), request.size(), 0) != ssize_t(request.size())) return 4;
    char piece[1024];
    if (::recv(fd, piece, sizeof(piece), 0) <= 0) return 5;
  }
  if (::write(output, "k", 1) != 1) return 6;
  char end;
  return ::read(input, &end, 1) == 0 ? 0 : 7;
}

TEST(IdleConnections, CostLittle) {
  size_t count = std::min<size_t>(sanitized ? 1'000 : 10'000, raise_descriptor_limit() - 100);
  int to_child[2], to_parent[2];
  ASSERT_EQ(::pipe(to_child), 0);
  ASSERT_EQ(::pipe(to_parent), 0);
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::close(to_child[1]);
    ::_exit(hold_connections(count, to_child[0], to_parent[1]));
  }
  ::close(to_child[0]);
  ::close(to_parent[1]);
  internal::on_runtime([&] {
    internal::TestServer server(
        [](Request&, ResponseWriter& response) { return response.text(200, "Hello, World!"); });
    {
      internal::RawPeer warm(server);
      warm.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
      EXPECT_FALSE(warm.read_response().empty());
    }
    size_t before = resident_bytes();
    in_port_t port = net::Address::parse(server.address())->port();
    ASSERT_EQ(::write(to_child[1], &port, sizeof(port)), ssize_t(sizeof(port)));
    char ready = 0;
    ssize_t got = blocking([&] { return ::read(to_parent[0], &ready, 1); });
    ASSERT_EQ(got, 1) << "the client gave up";
    EXPECT_GE(server.stats().connections_open, count);
    size_t each = (resident_bytes() - before) / count;
    std::printf("%zu idle connections: %zu resident bytes each\n", count, each);
    testing::Test::RecordProperty("resident_bytes_per_idle_connection", std::to_string(each));
    if (!sanitized) {
      EXPECT_LE(each, 12u * 1024);
    }
    ::close(to_child[1]);
    server.stop();  // closes ten thousand connections
    EXPECT_EQ(server.stats().connections_open, 0u);
  });
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  ::close(to_parent[0]);
}

}  // namespace
}  // namespace sluice::http
