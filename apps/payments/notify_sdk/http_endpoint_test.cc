// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/notify_sdk/http_endpoint.h"

#include <string>

#include <gtest/gtest.h>

#include "apps/payments/notify_sdk/signature.h"
#include "sluice/http/router.h"
#include "sluice/http/server.h"
#include "sluice/net/listener.h"
#include "sluice/runtime/runtime.h"
#include "sluice/sync/group.h"

namespace notify_sdk {
namespace {

using sluice::Code;
using sluice::Context;
using sluice::Runtime;
using sluice::http::Request;
using sluice::http::ResponseWriter;

const Delivery delivery{.event = {.id = "evt_1", .body = R"({"id":"evt_1"})"}, .attempts = 2};

// A receiver that answers `status` to what is signed with "secret", 401 to everything else.
class ReceiverServer {
 public:
  explicit ReceiverServer(int status) {
    sluice::http::Router router;
    router.post("/hook", [status](Request& request, ResponseWriter& response) {
      const std::string body = request.read_all().value();
      const auto now = std::chrono::floor<std::chrono::seconds>(sluice::wall());
      const bool good = verify("secret", request.header(signature_header), body, now) &&
                        request.header("Sluice-Event-Id") == "evt_1" &&
                        request.header("Sluice-Attempt") == "3" &&
                        request.header("Content-Type") == "application/json";
      return response.text(good ? status : 401, "noted\n");
    });
    server_.emplace(std::move(router));
    auto listener = sluice::net::Listener::listen("127.0.0.1:0").value();
    url_ = "http://" + listener.address().to_string() + "/hook";
    group_.go([this, listener = std::move(listener)](Context context) mutable {
      return server_->serve(context, std::move(listener));
    });
  }
  const std::string& url() const { return url_; }

 private:
  std::string url_;
  std::optional<sluice::http::Server> server_;
  sluice::sync::Group group_;
};

TEST(HttpEndpoint, DeliversSignedEvents) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    ReceiverServer receiver{202};
    auto endpoint = HttpEndpoint::make(receiver.url(), "secret").value();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(endpoint.deliver(Context::background(), delivery));
  });
}

TEST(HttpEndpoint, OtherAnswersAreFailures) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    for (int status : {302, 404, 410, 500, 503}) {
      ReceiverServer receiver{status};
      auto endpoint = HttpEndpoint::make(receiver.url(), "secret").value();
      sluice::Result<void> delivered = endpoint.deliver(Context::background(), delivery);
      ASSERT_FALSE(delivered);
      EXPECT_NE(delivered.error().message().find(std::to_string(status)), std::string::npos);
    }
    ReceiverServer receiver{200};
    auto impostor = HttpEndpoint::make(receiver.url(), "guessed").value();
    EXPECT_EQ(impostor.deliver(Context::background(), delivery).error().code(),
              Code::unauthenticated);
  });
}

TEST(HttpEndpoint, NobodyThereIsAFailure) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    std::string url;
    {
      ReceiverServer gone{200};
      url = gone.url();
    }
    auto endpoint = HttpEndpoint::make(url, "secret").value();
    EXPECT_FALSE(endpoint.deliver(Context::background(), delivery));
  });
}

TEST(HttpEndpoint, RefusesAWrongUrlOrAnEmptySecret) {
  EXPECT_EQ(HttpEndpoint::make("not a url", "secret").error().code(), Code::invalid_argument);
  EXPECT_EQ(HttpEndpoint::make("http://h/", "").error().code(), Code::invalid_argument);
}

}  // namespace
}  // namespace notify_sdk
