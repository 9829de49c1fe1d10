// SPDX-License-Identifier: Apache-2.0

// A keep-alive request allocates nothing once its connection has served one.

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include <gtest/gtest.h>

#include "sluice/http/internal/test_peer.h"
#include "sluice/http/router.h"

namespace {
std::atomic<uint64_t> allocations{0};

void* counted(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}
}  // namespace

void* operator new(size_t size) { return counted(size); }
void* operator new[](size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace sluice::http {
namespace {

// Sends `request` and reads until the response's last byte, `times` times, allocating nothing here.
bool exchange(net::Conn& conn, std::string_view request, char last, int times) {
  char piece[2048];
  for (int i = 0; i < times; ++i) {
    if (!conn.write(request)) return false;
    Result<size_t> got = conn.read(piece);
    if (!got || *got == 0 || piece[*got - 1] != last) return false;
  }
  return true;
}

TEST(Allocations, AreNoneForARequestOnAKeptConnection) {
  internal::on_runtime([] {
    Router router;
    router.get("/hello/{name}", [](Request& request, ResponseWriter& response) {
      response.headers().set("X-Name", request.param("name"));
      return response.text(200, "Hello, World!");
    });
    router.post("/echo", [](Request& request, ResponseWriter& response) -> Result<void> {
      char piece[512];
      for (;;) {
        size_t got = SLUICE_TRY(request.read(piece));
        if (got == 0) return {};
        SLUICE_TRY(response.write({piece, got}));
      }
    });
    internal::TestServer server(std::move(router));
    internal::RawPeer peer(server);
    constexpr std::string_view get = "GET /hello/a%20b?x=y HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
    constexpr std::string_view post =
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n";
    ASSERT_TRUE(exchange(peer.conn, get, '!', 100));
    ASSERT_TRUE(exchange(peer.conn, post, '!', 100));
    uint64_t before = allocations.load();
    ASSERT_TRUE(exchange(peer.conn, get, '!', 1000));
    ASSERT_TRUE(exchange(peer.conn, post, '!', 1000));
    // Not per request: the runtime may take a block now and then.
    EXPECT_LE(allocations.load() - before, 20u);
  });
}

}  // namespace
}  // namespace sluice::http
