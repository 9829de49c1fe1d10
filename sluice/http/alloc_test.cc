// SPDX-License-Identifier: Apache-2.0

// A keep-alive request allocates nothing once its connection has served one.

#include <string>

#include <gtest/gtest.h>

#include "sluice/http/internal/test_peer.h"
#include "sluice/http/router.h"
#include "sluice/testing/allocs.h"

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
    bool answered = false;
    // Not per request: the runtime may take a block now and then.
    EXPECT_LE(testing::count_process_allocs([&] {
                answered =
                    exchange(peer.conn, get, '!', 1000) && exchange(peer.conn, post, '!', 1000);
              }),
              20u);
    EXPECT_TRUE(answered);
  });
}

}  // namespace
}  // namespace sluice::http
