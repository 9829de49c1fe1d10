// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/payment_core/service.h"

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/payments/notify_sdk/outbox.h"
#include "apps/payments/payment_core/id.h"
#include "apps/payments/payment_core/service_fixture.h"
#include "apps/payments/testing/temp_folder.h"
#include "sluice/chan/channel.h"
#include "sluice/chan/unit.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace payment_core {
namespace {

using namespace std::chrono_literals;
using sluice::Channel;
using sluice::Code;
using sluice::Context;
using sluice::Result;
using sluice::Runtime;
using sluice::Unit;
using testing::IsEmpty;

class ServiceTest : public testing::Test {
 protected:
  Runtime runtime_{{.max_procs = 2}};
};

TEST_F(ServiceTest, APaymentMovesMoneyOnceAndTellsOfIt) {
  runtime_.block_on([] {
    TestService test;
    const Answer answer = test.create("k1", TestService::payment(1250)).value();
    EXPECT_EQ(answer.status, 201);
    EXPECT_FALSE(answer.replayed);
    EXPECT_EQ(test.balance("alice"), -1250);
    EXPECT_EQ(test.balance("shop"), 1250);
    const Payment stored =
        test.service.payment(Context::background(), TestService::id_of(answer)).value();
    EXPECT_EQ(stored.amount.minor(), 1250);
    EXPECT_EQ(stored.risk.decided_by, "engine");
    const AuditReport report = test.audited();
    EXPECT_THAT(report.findings, IsEmpty());
    EXPECT_EQ(report.events, 1);
    EXPECT_EQ(report.entries, 2);
  });
}

TEST_F(ServiceTest, ARepeatedKeyGetsTheSameBytes) {
  runtime_.block_on([] {
    TestService test;
    const Answer first = test.create("k1", TestService::payment(1250)).value();
    (void)test.refund("r1", TestService::id_of(first), 50);  // the payment looks different now
    const Answer again = test.create("k1", TestService::payment(1250)).value();
    EXPECT_TRUE(again.replayed);
    EXPECT_EQ(again.status, first.status);
    EXPECT_EQ(again.body, first.body);
    EXPECT_EQ(test.audited().payments, 1);
  });
}

TEST_F(ServiceTest, AKeyServesOneRequestOnly) {
  runtime_.block_on([] {
    TestService test;
    const std::string id = test.paid("k1", 1250);
    EXPECT_EQ(test.create("k1", TestService::payment(1251)).error().code(), Code::already_exists);
    EXPECT_EQ(test.refund("k1", id, 1).error().code(), Code::already_exists);
    EXPECT_EQ(test.audited().payments, 1);
  });
}

TEST_F(ServiceTest, OfConcurrentRequestsWithOneKeyOneExecutes) {
  runtime_.block_on([] {
    TestService test;
    constexpr int callers = 32;
    Channel<Answer> answers{callers};
    for (int i = 0; i < callers; ++i)
      sluice::go(
          [&test, answers] { answers.send(test.create("one", TestService::payment(7)).value()); });
    std::set<std::string> bodies;
    int executed = 0;
    for (int i = 0; i < callers; ++i) {
      const Answer answer = *answers.receive();
      bodies.insert(answer.body);
      executed += answer.replayed ? 0 : 1;
    }
    EXPECT_EQ(bodies.size(), 1u);
    EXPECT_EQ(executed, 1);
    EXPECT_EQ(test.balance("shop"), 7);
  });
}

TEST_F(ServiceTest, RefundsPartByPartButNeverMore) {
  runtime_.block_on([] {
    TestService test;
    const std::string id = test.paid("p", 1000);
    EXPECT_EQ(test.refund("r1", id, 300)->status, 201);
    EXPECT_EQ(test.refund("r2", id, 701)->status, 400);
    EXPECT_EQ(test.refund("r3", id, std::nullopt)->status, 201);
    EXPECT_EQ(test.refund("r4", id, 1)->status, 400);
    EXPECT_EQ(test.refund("r5", id, std::nullopt)->status, 400);
    EXPECT_EQ(test.refund("r6", "pay_unknown", 1)->status, 404);
    EXPECT_EQ(test.balance("shop"), 0);
    // A refusal is an answer like others: the same key gets the same one.
    EXPECT_TRUE(test.refund("r2", id, 701)->replayed);
    const AuditReport report = test.audited();
    EXPECT_THAT(report.findings, IsEmpty());
    EXPECT_EQ(report.refunds, 2);
  });
}

TEST_F(ServiceTest, ConcurrentRefundsStayWithinTheAmount) {
  runtime_.block_on([] {
    TestService test;
    const std::string id = test.paid("p", 1000);
    constexpr int callers = 50;
    Channel<int> statuses{callers};
    for (int i = 0; i < callers; ++i)
      sluice::go([&, statuses, i] {
        statuses.send(test.refund("r" + std::to_string(i), id, 30)->status);
      });
    int done = 0;
    for (int i = 0; i < callers; ++i) done += *statuses.receive() == 201 ? 1 : 0;
    EXPECT_EQ(done, 33);  // 33 times 30 is 990; a 34th would be beyond 1000
    EXPECT_EQ(test.balance("shop"), 10);
    EXPECT_THAT(test.audited().findings, IsEmpty());
  });
}

TEST_F(ServiceTest, ADeniedPaymentIsStoredAndMovesNothing) {
  runtime_.block_on([] {
    TestService test;
    CreatePayment request = TestService::payment(100);
    request.country = "KP";
    const Answer answer = test.create("k", request).value();
    EXPECT_EQ(answer.status, 201);
    EXPECT_NE(answer.body.find(R"("status":"declined")"), std::string::npos);
    EXPECT_EQ(test.refund("r", TestService::id_of(answer), 1)->status, 400);
    const AuditReport report = test.audited();
    EXPECT_THAT(report.findings, IsEmpty());
    EXPECT_EQ(report.entries, 0);
    EXPECT_EQ(report.events, 1);
  });
}

// Answers nothing until the test lets it.
class StuckAssessor final : public risk_engine::Assessor {
 public:
  Result<risk_engine::Assessment> assess(const Context&, const risk_engine::Inquiry&) override {
    (void)release.receive();
    return sluice::Error{Code::unavailable, "too late"};
  }
  Channel<Unit> release;
};

TEST_F(ServiceTest, AStuckRiskEngineIsReplacedByTheFallbackRule) {
  runtime_.block_on([] {
    StuckAssessor stuck;
    TestService test{&stuck, 2ms};
    const std::string id = test.paid("k", 100);
    EXPECT_EQ(test.service.payment(Context::background(), id)->risk.decided_by, "fallback");
    EXPECT_EQ(test.audited().decided_by_fallback, 1);
    stuck.release.close();
  });
}

TEST_F(ServiceTest, ABalanceThatWouldOverflowRefusesThePaymentAlone) {
  runtime_.block_on([] {
    TestService test;
    EXPECT_TRUE(test.writer.run([](sluice::sqlite::Database& database) -> Result<void> {
      SLUICE_TRY(database.run("INSERT INTO accounts VALUES ('shop', 0)"));
      return database.run("INSERT INTO balances VALUES ('shop', 'EUR', ?, 1)", INT64_MAX - 5);
    }));
    EXPECT_EQ(test.create("k", TestService::payment(6)).error().code(), Code::out_of_range);
    EXPECT_EQ(test.create("k2", TestService::payment(5))->status, 201);
  });
}

TEST_F(ServiceTest, PagesThroughEntriesNewestFirst) {
  runtime_.block_on([] {
    TestService test;
    for (int i = 1; i <= 25; ++i) test.paid("k" + std::to_string(i), i);
    std::vector<int64_t> amounts;
    std::optional<int64_t> before;
    int pages = 0;
    do {
      const EntryPage page =
          test.service.entries(Context::background(), "shop", before, 10).value();
      for (const Entry& entry : page.entries) amounts.push_back(entry.amount.minor());
      before = page.next_before;
      ++pages;
    } while (before);
    EXPECT_EQ(pages, 3);
    ASSERT_EQ(amounts.size(), 25u);
    for (int i = 0; i < 25; ++i) EXPECT_EQ(amounts[i], 25 - i);
    EXPECT_EQ(test.service.entries(Context::background(), "nobody", {}, 10).error().code(),
              Code::not_found);
  });
}

TEST_F(ServiceTest, ACommandEndsWithItsContextBeforeItIsQueued) {
  runtime_.block_on([] {
    TestService test;
    auto [context, cancel] = sluice::with_cancel(Context::background());
    cancel();
    EXPECT_EQ(test.service.create_payment(context, "k", TestService::payment(1)).error().code(),
              Code::cancelled);
    EXPECT_EQ(test.audited().payments, 0);
  });
}

// Any mix of payments, refunds, repetitions and clashes, by many at once, keeps the books.
TEST_F(ServiceTest, RandomOperationsConserveMoney) {
  runtime_.block_on([] {
    TestService test;
    constexpr int workers = 8;
    Channel<Unit> done{workers};
    for (int worker = 0; worker < workers; ++worker)
      sluice::go([&test, done, worker] {
        std::mt19937 random(1000 + worker);
        std::vector<std::string> ids;
        for (int i = 0; i < 150; ++i) {
          const std::string key = std::to_string(worker % 4) + "-" + std::to_string(random() % 200);
          const char* currency = std::array{"EUR", "JPY", "BHD"}[random() % 3];
          const std::string payer = "a" + std::to_string(random() % 5);
          const std::string payee = "b" + std::to_string(random() % 5);
          if (ids.empty() || random() % 3 != 0) {
            Result<Answer> answer =
                test.create(key, TestService::payment(1 + random() % 1000, payer, payee, currency));
            if (answer) ids.push_back(TestService::id_of(*answer));
          } else {
            (void)test.refund(key, ids[random() % ids.size()], 1 + random() % 500);
          }
        }
        done.send(Unit{});
      });
    for (int worker = 0; worker < workers; ++worker) (void)done.receive();
    const AuditReport report = test.audited();
    EXPECT_THAT(report.findings, IsEmpty());
    EXPECT_GT(report.payments, 100);
    EXPECT_GT(report.refunds, 10);
    EXPECT_EQ(report.currencies.size(), 3u);
  });
}

TEST_F(ServiceTest, AFullDiskLosesAndDoublesNothing) {
  runtime_.block_on([] {
    TestService test;
    const auto limit_pages = [&](int64_t pages) {
      ASSERT_TRUE(test.writer.run([&](sluice::sqlite::Database& database) {
        return database.run("PRAGMA max_page_count=" + std::to_string(pages));
      }));
    };
    limit_pages(40);
    constexpr int callers = 256;
    Channel<std::string> acknowledged{callers};
    const auto send_all = [&](bool all_must_fit) {
      for (int i = 0; i < callers; ++i)
        sluice::go([&test, acknowledged, i, all_must_fit] {
          Result<Answer> answer = test.create("k" + std::to_string(i), TestService::payment(10));
          EXPECT_TRUE(answer || !all_must_fit);
          acknowledged.send(answer ? TestService::id_of(*answer) : "");
        });
      std::set<std::string> ids;
      for (int i = 0; i < callers; ++i) ids.insert(*acknowledged.receive());
      ids.erase("");
      return ids;
    };
    const std::set<std::string> first = send_all(false);
    EXPECT_GT(first.size(), 0u);
    EXPECT_LT(first.size(), static_cast<size_t>(callers));
    AuditReport report = test.audited();
    EXPECT_THAT(report.findings, IsEmpty());
    EXPECT_EQ(report.payments, static_cast<int64_t>(first.size()));
    limit_pages(100'000);
    const std::set<std::string> second = send_all(true);
    EXPECT_TRUE(std::ranges::includes(second, first));
    report = test.audited();
    EXPECT_THAT(report.findings, IsEmpty());
    EXPECT_EQ(report.payments, callers);
    EXPECT_EQ(test.balance("shop"), 10 * callers);
  });
}

TEST_F(ServiceTest, ForgottenKeysDoNotDisturbTheAudit) {
  runtime_.block_on([] {
    TestService test;
    const std::string id = test.paid("old", 100);
    (void)test.refund("old refund", id, 40);
    (void)test.refund("old refusal", "pay_nobody", 1);
    EXPECT_EQ(test.service.forget_keys(Context::background(), unix_milliseconds() - 60'000).value(),
              0);
    EXPECT_TRUE(test.create("old", TestService::payment(100))->replayed);
    ASSERT_TRUE(test.writer.run([](sluice::sqlite::Database& database) -> Result<void> {
      SLUICE_TRY(database.run("UPDATE payments SET created_at = created_at - 3600000"));
      SLUICE_TRY(database.run("UPDATE refunds SET created_at = created_at - 3600000"));
      return database.run("UPDATE idempotency SET created_at = created_at - 3600000");
    }));
    test.paid("new", 7);
    EXPECT_EQ(test.service.forget_keys(Context::background(), unix_milliseconds() - 60'000).value(),
              3);
    EXPECT_THAT(test.audited().findings, IsEmpty());
    EXPECT_TRUE(test.create("new", TestService::payment(7))->replayed);
    EXPECT_FALSE(test.create("old", TestService::payment(100))->replayed);
    EXPECT_THAT(test.audited().findings, IsEmpty());
    // What is younger must have its record.
    ASSERT_TRUE(test.writer.run([](sluice::sqlite::Database& database) {
      return database.run("DELETE FROM idempotency WHERE key = 'new'");
    }));
    EXPECT_EQ(test.audited().findings.size(), 1u);
  });
}

TEST_F(ServiceTest, AnOlderSchemaIsBroughtUpToDate) {
  runtime_.block_on([] {
    payments_testing::TempFolder folder;
    auto database = sluice::sqlite::Database::open(folder.file("ledger.db")).value();
    ASSERT_TRUE(prepare_schema(database));
    // Back to version 1.
    ASSERT_TRUE(
        database.execute("DROP TABLE pruned; DROP INDEX idempotency_by_age;"
                         "DROP INDEX outbox_dead; DROP INDEX outbox_undelivered;"
                         "ALTER TABLE outbox DROP COLUMN dead_at;"
                         "CREATE INDEX outbox_undelivered ON outbox(sequence)"
                         " WHERE delivered_at IS NULL; PRAGMA user_version=1"));
    EXPECT_EQ(check_schema(database).error().code(), Code::failed_precondition);
    ASSERT_TRUE(prepare_schema(database));
    EXPECT_TRUE(check_schema(database));
    EXPECT_THAT(audit(database)->findings, IsEmpty());
    EXPECT_TRUE(notify_sdk::read_undelivered(database, 0, 1));
  });
}

TEST_F(ServiceTest, ADatabaseOfAnotherProgramIsRefused) {
  runtime_.block_on([] {
    payments_testing::TempFolder folder;
    auto database = sluice::sqlite::Database::open(folder.file("other.db")).value();
    ASSERT_TRUE(database.execute("CREATE TABLE theirs (id INTEGER)"));
    EXPECT_EQ(prepare_schema(database).error().code(), Code::failed_precondition);
    EXPECT_EQ(check_schema(database).error().code(), Code::failed_precondition);
  });
}

TEST_F(ServiceTest, SchemaOfAnotherVersionIsRefused) {
  runtime_.block_on([] {
    payments_testing::TempFolder folder;
    auto database = sluice::sqlite::Database::open(folder.file("ledger.db")).value();
    ASSERT_TRUE(prepare_schema(database));
    ASSERT_TRUE(prepare_schema(database));
    ASSERT_TRUE(database.execute("PRAGMA user_version=99"));
    EXPECT_EQ(prepare_schema(database).error().code(), Code::failed_precondition);
  });
}

}  // namespace
}  // namespace payment_core
