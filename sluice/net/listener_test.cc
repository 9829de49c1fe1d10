// SPDX-License-Identifier: Apache-2.0

#include "sluice/net/listener.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "sluice/net/internal/test_pair.h"

namespace sluice::net {
namespace {

using namespace std::chrono_literals;
using internal::on_runtime;

TEST(Listener, ReplacesADeadUnixSocketButNotALiveOne) {
  on_runtime([] {
    std::string path = testing::TempDir() + "sluice-net-test.sock";
    std::filesystem::remove(path);
    std::string address = "unix:" + path;
    {
      Result<Listener> live = Listener::listen(address);
      ASSERT_TRUE(live) << live.error().to_string();
      Result<Listener> second = Listener::listen(address);
      ASSERT_FALSE(second);
      EXPECT_EQ(second.error().code(), Code::already_exists);
      EXPECT_TRUE(Dialer().dial({}, address));
    }
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_EQ(Dialer().dial({}, address).error().code(), Code::unavailable);
  });
}

// As after `rm x.sock` and the start of a successor: the predecessor's end takes nothing from it.
TEST(Listener, LeavesTheSocketOfItsSuccessor) {
  on_runtime([] {
    std::string path = testing::TempDir() + "sluice-net-successor.sock";
    std::filesystem::remove(path);
    Result<Listener> first = Listener::listen("unix:" + path);
    ASSERT_TRUE(first);
    std::filesystem::remove(path);
    Result<Listener> second = Listener::listen("unix:" + path);
    ASSERT_TRUE(second) << second.error().to_string();
    first->close();
    EXPECT_TRUE(Dialer().dial({}, "unix:" + path));
    Listener moved = std::move(*second);
    moved.close();
    EXPECT_FALSE(std::filesystem::exists(path));
  });
}

TEST(Listener, ReportsATakenPort) {
  on_runtime([] {
    Result<Listener> first = Listener::listen("127.0.0.1:0");
    ASSERT_TRUE(first);
    EXPECT_EQ(Listener::listen(first->address()).error().code(), Code::already_exists);
  });
}

TEST(Listener, EndsAcceptingWithItsContext) {
  on_runtime([] {
    Result<Listener> listener = Listener::listen("127.0.0.1:0");
    ASSERT_TRUE(listener);
    auto [context, cancel] = with_timeout({}, 5ms);
    EXPECT_TRUE(is(listener->accept(context).error(), context_deadline_exceeded));
    Result<Conn> client = Dialer().dial({}, listener->address().to_string());
    ASSERT_TRUE(client);
    EXPECT_TRUE(listener->accept(Context::background()));
  });
}

// Out of descriptors: the connection waits, and is accepted when there is one again.
TEST(Listener, OutlastsAShortageOfDescriptors) {
  on_runtime([] {
    Result<Listener> listener = Listener::listen("127.0.0.1:0");
    ASSERT_TRUE(listener);
    Result<Conn> client = Dialer().dial({}, listener->address().to_string());
    ASSERT_TRUE(client);
    rlimit before;
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    int probe = ::dup(0);
    rlimit tight{rlim_t(probe), before.rlim_max};  // not one more than are open
    ::close(probe);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
    auto [context, cancel] = with_timeout({}, 30ms);
    Result<Conn> conn = listener->accept(context);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    ASSERT_FALSE(conn);
    EXPECT_TRUE(is(conn.error(), context_deadline_exceeded));
    EXPECT_TRUE(listener->accept());
  });
}

}  // namespace
}  // namespace sluice::net
