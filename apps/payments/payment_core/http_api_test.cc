// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/payment_core/http_api.h"

#include <string>

#include <gtest/gtest.h>

#include "apps/payments/payment_core/http_fixture.h"
#include "sluice/runtime/runtime.h"

namespace payment_core {
namespace {

using sluice::Runtime;
using sluice::http::ClientRequest;
using sluice::json::Value;

Value parsed(const Reply& reply) { return sluice::json::parse(reply.body).value(); }
std::string text(const Value& value, std::string_view key) {
  return std::string{value.get_string(key).value()};
}
std::string wrong_field(const Reply& reply) {
  const Value error = parsed(reply).get_object("error").value();
  EXPECT_FALSE(text(error, "message").empty());
  EXPECT_FALSE(text(error, "code").empty());
  return error.find("field") ? text(error, "field") : "";
}

constexpr const char* body = R"({"payer":"a","payee":"b","amount":1250,"currency":"EUR"})";

class HttpApiTest : public testing::Test {
 protected:
  Runtime runtime_{{.max_procs = 2}};
};

TEST_F(HttpApiTest, APaymentIsMadeReadAndRefunded) {
  runtime_.block_on([] {
    Served served;
    const Reply made = served.post("/v1/payments", "k1", body);
    ASSERT_EQ(made.status, 201) << made.body;
    const std::string id = text(parsed(made), "id");
    EXPECT_EQ(text(parsed(made), "status"), "captured");
    EXPECT_EQ(text(parsed(made), "display"), "12.50");
    EXPECT_EQ(served.get("/v1/payments/" + id).body, made.body);
    const Reply refunded =
        served.post("/v1/payments/" + id + "/refunds", "k2", R"({"amount":250})");
    EXPECT_EQ(refunded.status, 201) << refunded.body;
    EXPECT_EQ(text(parsed(served.get("/v1/payments/" + id)), "status"), "partially_refunded");
    const Value account = parsed(served.get("/v1/accounts/b"));
    for (const Value& balance : account.get_array("balances")->elements())
      EXPECT_EQ(balance.get_int64("balance").value(), 1000);
    const Value page = parsed(served.get("/v1/accounts/b/entries?limit=1"));
    EXPECT_EQ(page.get_array("entries")->size(), 1u);
    const int64_t next = page.get_int64("next_before").value();
    const Value last = parsed(served.get("/v1/accounts/b/entries?before=" + std::to_string(next)));
    EXPECT_EQ(last.get_array("entries")->size(), 1u);
    EXPECT_TRUE(last.find("next_before")->is_null());
  });
}

TEST_F(HttpApiTest, AKeyGetsTheSameBytesOrAConflict) {
  runtime_.block_on([] {
    Served served;
    const Reply first = served.post("/v1/payments", "k", body);
    const Reply again = served.post("/v1/payments", "k", body);
    EXPECT_EQ(again.status, 201);
    EXPECT_EQ(again.body, first.body);
    EXPECT_EQ(first.replayed, "");
    EXPECT_EQ(again.replayed, "true");
    const Reply other = served.post("/v1/payments", "k",
                                    R"({"payer":"a","payee":"b","amount":1251,"currency":"EUR"})");
    EXPECT_EQ(other.status, 409);
    EXPECT_EQ(wrong_field(other), "Idempotency-Key");
  });
}

TEST_F(HttpApiTest, BadInputGetsAClearAnswer) {
  runtime_.block_on([] {
    Served served;
    const Reply no_key = served.post("/v1/payments", nullptr, body);
    EXPECT_EQ(no_key.status, 400);
    EXPECT_EQ(wrong_field(no_key), "Idempotency-Key");
    const Reply no_amount =
        served.post("/v1/payments", "k", R"({"payer":"a","payee":"b","currency":"EUR"})");
    EXPECT_EQ(no_amount.status, 400);
    EXPECT_EQ(wrong_field(no_amount), "amount");
    EXPECT_EQ(served.post("/v1/payments", "k", "{").status, 400);
    EXPECT_EQ(served.post("/v1/payments", "k", std::string(100'000, ' ')).status, 413);
    ClientRequest xml{.method = "POST", .url = "/v1/payments", .body = "<a/>"};
    xml.headers.set("Idempotency-Key", "k");
    xml.headers.set("Content-Type", "text/xml");
    const Reply wrong_type = served.send(std::move(xml));
    EXPECT_EQ(wrong_type.status, 415);
    EXPECT_EQ(wrong_field(wrong_type), "Content-Type");
    EXPECT_EQ(served.get("/v1/payments/pay_nothing").status, 404);
    EXPECT_EQ(served.get("/v1/accounts/nobody").status, 404);
    EXPECT_EQ(served.get("/v1/accounts/nobody/entries").status, 404);
    for (const char* query : {"limit=0", "limit=201", "limit=ten", "limit=-1", "limit=", "before=x",
                              "before=0", "limit=1e1"}) {
      const Reply reply = served.get(std::string{"/v1/accounts/a/entries?"} + query);
      EXPECT_EQ(reply.status, 400) << query;
      EXPECT_EQ(wrong_field(reply), std::string{query}.substr(0, std::string{query}.find('=')));
    }
    EXPECT_EQ(wrong_field(served.get("/nowhere")), "");
    EXPECT_EQ(served.get("/v1/payments").status, 405);
    EXPECT_EQ(wrong_field(served.get("/v1/payments")), "");
    EXPECT_EQ(served.test.audited().payments, 0);
  });
}

TEST_F(HttpApiTest, RefundsBeyondTheAmountAreRefused) {
  runtime_.block_on([] {
    Served served;
    const std::string id = text(parsed(served.post("/v1/payments", "k", body)), "id");
    const Reply more = served.post("/v1/payments/" + id + "/refunds", "r", R"({"amount":1251})");
    EXPECT_EQ(more.status, 400);
    EXPECT_EQ(wrong_field(more), "amount");
    EXPECT_EQ(served.post("/v1/payments/" + id + "/refunds", "r2", "").status, 201);
    EXPECT_EQ(served.post("/v1/payments/pay_no/refunds", "r3", "").status, 404);
  });
}

TEST_F(HttpApiTest, ReadinessFollowsTheDrain) {
  runtime_.block_on([] {
    Served served;
    EXPECT_EQ(served.get("/healthz").status, 200);
    EXPECT_EQ(served.get("/readyz").status, 200);
    served.draining = true;
    EXPECT_EQ(served.get("/readyz").status, 503);
    EXPECT_EQ(served.get("/healthz").status, 200);
  });
}

// Clients take a 4xx as final: a payment that is refused so would be lost.
TEST_F(HttpApiTest, TroubleWithTheDatabaseIsNotTheClientsFault) {
  runtime_.block_on([] {
    Served served;
    const auto run = [&](const char* sql) {
      ASSERT_TRUE(served.test.writer.run(
          [&](sluice::sqlite::Database& database) { return database.run(sql); }));
    };
    run("PRAGMA max_page_count=1");  // SQLite takes the present size: the next page is too many
    int status = 201;
    for (int i = 0; i < 10'000 && status == 201; ++i) {
      const Reply reply = served.post("/v1/payments", std::to_string(i).c_str(), body);
      status = reply.status;
      EXPECT_EQ(reply.body.find("sqlite"), std::string::npos) << reply.body;
    }
    EXPECT_EQ(status, 503);
    run("PRAGMA max_page_count=100000");
    run("CREATE TRIGGER broken BEFORE INSERT ON payments BEGIN SELECT RAISE(ABORT, 'x'); END");
    EXPECT_EQ(served.post("/v1/payments", "k", body).status, 500);
  });
}

}  // namespace
}  // namespace payment_core
