// SPDX-License-Identifier: Apache-2.0

#include <unistd.h>

#include <atomic>

#include <gtest/gtest.h>

#include "sluice/http/internal/test_peer.h"
#include "sluice/http/server.h"
#include "sluice/sync/wait_group.h"

namespace sluice::http {
namespace {

// One processor, which two endless loops and a blocked system call would like to keep. It would
// hang, not merely be slow, if they could; bench/hog says how fast it is.
TEST(ServerBesideHogs, IsServedOnOneProcessor) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([&] {
    internal::TestServer server(
        [](Request&, ResponseWriter& response) { return response.write("hello"); });
    std::atomic<bool> over{false};
    sync::WaitGroup hogs;
    for (int i = 0; i < 2; ++i)
      hogs.go([&] {
        while (!over.load(std::memory_order_relaxed)) continue;
      });
    hogs.go([&] {
      char byte;
      EXPECT_EQ(::read(ends[0], &byte, 1), 1);
    });
    for (int i = 0; i < 3; ++i) {
      internal::RawPeer peer(server);
      peer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
      EXPECT_EQ(internal::body_of(peer.read_response()), "hello");
    }
    over = true;
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
    hogs.wait();
  });
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace sluice::http
