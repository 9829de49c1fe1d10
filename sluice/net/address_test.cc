// SPDX-License-Identifier: Apache-2.0

#include "sluice/net/address.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::net {
namespace {

TEST(Address, PrintsWhatItParses) {
  struct Case {
    const char* text;
    const char* printed;
  };
  for (auto [text, printed] : std::vector<Case>{{"127.0.0.1:80", "127.0.0.1:80"},
                                                {"[::1]:8080", "[::1]:8080"},
                                                {"[2001:DB8:0:0:0:0:0:1]:1", "[2001:db8::1]:1"},
                                                {":80", "[::]:80"},
                                                {"0.0.0.0:0", "0.0.0.0:0"},
                                                {"[fe80::1%1]:80", "[fe80::1%1]:80"},
                                                {"unix:/run/x.sock", "unix:/run/x.sock"},
                                                {"unix:@name", "unix:@name"}}) {
    Result<Address> address = Address::parse(text);
    ASSERT_TRUE(address) << text << ": " << address.error().to_string();
    EXPECT_EQ(address->to_string(), printed);
    Result<Address> again = Address::parse(printed);
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, *address);
  }
}

TEST(Address, RefusesWhatIsNone) {
  for (const char* text :
       {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:8x", "::1:80",
        "[::1:80", "::1]:80", "[::1]80", "example.org:80", "256.0.0.1:80", "[::1%]:80",
        "unix:", "[127.0.0.1%1]:80", "1:2:3"})
    EXPECT_FALSE(Address::parse(text)) << text;
  EXPECT_FALSE(Address::parse("unix:/" + std::string(200, 'x')));
}

TEST(Address, SurvivesTheKernelsForm) {
  for (const char* text :
       {"127.0.0.1:80", "[::1]:80", "[fe80::1%1]:80", "unix:/run/x.sock", "unix:@name"}) {
    Address address = *Address::parse(text);
    sockaddr_storage storage;
    socklen_t size = address.to_sockaddr(storage);
    EXPECT_EQ(Address::from_sockaddr(reinterpret_cast<sockaddr*>(&storage), size), address) << text;
  }
  sockaddr_storage storage;
  EXPECT_EQ(Address().to_sockaddr(storage), 0u);
}

TEST(Address, KnowsTheLoopback) {
  EXPECT_TRUE(Address::parse("127.1.2.3:1")->is_loopback());
  EXPECT_TRUE(Address::parse("[::1]:1")->is_loopback());
  EXPECT_FALSE(Address::parse("128.0.0.1:1")->is_loopback());
  EXPECT_FALSE(Address::parse("[::2]:1")->is_loopback());
}

}  // namespace
}  // namespace sluice::net
