// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/notify_sdk/signature.h"

#include <string>

#include <gtest/gtest.h>

namespace notify_sdk {
namespace {

using sluice::Code;
using namespace std::chrono_literals;

constexpr UnixTime noon{std::chrono::seconds{1'767'225'600}};

TEST(Signature, IsHmacSha256OfTimeAndBody) {
  // printf '1767225600.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test
  EXPECT_EQ(sign("whsec_test", noon, R"({"id":"evt_1"})"),
            "t=1767225600,v1=45b40331de0325606dc5400202ade162460fbe48daf9401adfdcd0d7b4f35470");
}

TEST(Signature, VerifiesItsOwn) {
  const std::string header = sign("secret", noon, "body");
  EXPECT_TRUE(verify("secret", header, "body", noon));
  EXPECT_TRUE(verify("secret", header, "body", noon + 5min));
  EXPECT_TRUE(verify("secret", header, "body", noon - 5min));
}

TEST(Signature, RefusesAnotherBodySecretOrTime) {
  const std::string header = sign("secret", noon, "body");
  EXPECT_EQ(verify("secret", header, "bodY", noon).error().code(), Code::unauthenticated);
  EXPECT_EQ(verify("other", header, "body", noon).error().code(), Code::unauthenticated);
  std::string later = header;
  later[later.find(',') - 1] = '1';
  EXPECT_EQ(verify("secret", later, "body", noon).error().code(), Code::unauthenticated);
}

TEST(Signature, RefusesReplayAfterTheTolerance) {
  const std::string header = sign("secret", noon, "body");
  EXPECT_EQ(verify("secret", header, "body", noon + 301s).error().code(), Code::deadline_exceeded);
  EXPECT_EQ(verify("secret", header, "body", noon - 301s).error().code(), Code::deadline_exceeded);
}

TEST(Signature, AcceptsOneOfSeveralWhileTheSecretChanges) {
  const std::string fresh = sign("new", noon, "body");
  const std::string old = sign("old", noon, "body");
  const std::string both = fresh + old.substr(old.find(",v1="));
  EXPECT_TRUE(verify("old", both, "body", noon));
  EXPECT_TRUE(verify("new", both + ",v2=unknown", "body", noon));
}

TEST(Signature, RefusesMalformedHeaders) {
  for (std::string_view header :
       {"", "t=1", "v1=ab", "t=,v1=ab", "t=x,v1=ab", "t=-1,v1=ab", "t=1;v1=ab", "garbage",
        "t=99999999999999999999,v1=ab", "t=1 ,v1=ab"}) {
    sluice::Result<void> verified = verify("secret", header, "body", noon);
    ASSERT_FALSE(verified) << header;
    EXPECT_EQ(verified.error().code(), Code::invalid_argument) << header;
  }
}

}  // namespace
}  // namespace notify_sdk
