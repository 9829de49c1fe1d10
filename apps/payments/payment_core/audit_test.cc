// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/payment_core/audit.h"

#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/payments/payment_core/service_fixture.h"
#include "sluice/runtime/runtime.h"

namespace payment_core {
namespace {

using sluice::Runtime;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

struct Case {
  const char* damage;
  const char* finding;
};

constexpr Case cases[] = {
    Case{"UPDATE entries SET minor = minor + 1 WHERE id = 1", "money made or lost"},
    {"UPDATE entries SET minor = minor + 1 WHERE id = 1", "unbalanced"},
    {"UPDATE entries SET minor = 9223372036854775807", "unbalanced: cannot be checked"},
    {"UPDATE entries SET minor = 9223372036854775807", "money made or lost"},
    {"UPDATE balances SET minor = minor + 1 WHERE account = 'shop'", "wrong balance"},
    {"UPDATE balances SET entries = entries + 1", "wrong balance"},
    {"DELETE FROM balances WHERE account = 'shop'", "entries without a balance"},
    {"UPDATE entries SET balance_after = 77 WHERE id = 1", "wrong running balance"},
    {"UPDATE entries SET balance_after = 77 WHERE id = (SELECT max(id) FROM entries)",
     "wrong balance"},
    {"DELETE FROM entries WHERE refund_id IS NULL", "wrong entries of a payment"},
    {"DELETE FROM entries WHERE refund_id IS NOT NULL", "wrong entries of a refund"},
    {"UPDATE payments SET payee = 'carol'", "entry on the wrong account"},
    {"UPDATE payments SET payer = payee, payee = payer", "entry on the wrong account"},
    {"UPDATE payments SET currency = 'USD'", "entry on the wrong account"},
    {"UPDATE entries SET payment_id = 'pay_x'", "entries of nothing"},
    {"UPDATE entries SET refund_id = 'ref_x' WHERE refund_id IS NULL", "entries of nothing"},
    {"UPDATE refunds SET payment_id = (SELECT id FROM payments WHERE amount = 500)",
     "entries of nothing"},
    {"UPDATE payments SET refunded = refunded + 1 WHERE refunded > 0",
     "refunds beyond the payment"},
    {"UPDATE refunds SET amount = amount + 1", "refunds beyond the payment"},
    {"DELETE FROM outbox WHERE type = 'payment.captured'", "not exactly one event of a payment"},
    {"INSERT INTO outbox (event_id, type, subject, body, created_at)"
     " SELECT 'evt_x', type, subject, body, created_at FROM outbox LIMIT 1",
     "not exactly one event of a payment"},
    {"DELETE FROM outbox WHERE type = 'payment.refunded'", "not exactly one event of a refund"},
    {"UPDATE outbox SET body = '{}' WHERE type = 'payment.refunded'",
     "not exactly one event of a refund"},
    {"UPDATE outbox SET subject = 'pay_x'", "event of nothing"},
    {"UPDATE outbox SET type = 'payment.declined' WHERE type = 'payment.captured'",
     "event of nothing"},
    {"UPDATE outbox SET body = replace(body, '\"amount\":500', '\"amount\":501')",
     "event tells otherwise"},
    {"UPDATE outbox SET body = replace(body, '\"amount\":100', '\"amount\":101')",
     "event tells otherwise"},
    {"UPDATE outbox SET body = replace(body, '\"alice\"', '\"mallory\"')", "event tells otherwise"},
    {"UPDATE outbox SET body = 'not JSON'", "event tells otherwise"},
    {"INSERT INTO outbox (event_id, type, subject, body, created_at)"
     " SELECT event_id, type, subject, body, created_at FROM outbox LIMIT 1",
     "doubled event"},
    {"UPDATE idempotency SET resource_id = NULL", "not exactly one idempotency record"},
    {"UPDATE idempotency SET resource_id = NULL", "stored answer tells otherwise"},
    {"UPDATE idempotency SET body = replace(body, '\"amount\":500', '\"amount\":501')",
     "stored answer tells otherwise"},
    {"INSERT INTO idempotency SELECT key || 'x', request, status, body, resource_id,"
     " created_at FROM idempotency",
     "not exactly one idempotency record"},
    {"UPDATE idempotency SET resource_id = 'pay_x'", "idempotency record of nothing"},
    {"PRAGMA foreign_keys=OFF; DELETE FROM accounts", "dangling reference"},
};

TEST(Audit, FindsEachKindOfPlantedDamage) {
  Runtime runtime{{.max_procs = 2}};
  for (const Case& c : cases)
    runtime.block_on([&] {
      TestService test;
      const std::string id = test.paid("p1", 1000);
      test.paid("p2", 500);
      (void)test.refund("r1", id, 100);
      (void)test.refund("r2", "pay_nobody", 1);
      (void)test.create("p3", TestService::payment(1, "dave", "carol"));
      ASSERT_THAT(test.audited().findings, IsEmpty());
      auto vandal = sluice::sqlite::Database::open(test.folder.file("ledger.db")).value();
      ASSERT_TRUE(vandal.execute(c.damage)) << c.damage;
      EXPECT_THAT(test.audited().findings, Contains(HasSubstr(c.finding))) << c.damage;
    });
}

TEST(Audit, FindsADamagedFile) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    payments_testing::TempFolder folder;
    const std::string file = folder.file("ledger.db");
    int64_t root = 0;
    {
      auto database = TestService::open(file);
      for (int i = 0; i < 2000; ++i)
        ASSERT_TRUE(database.run("INSERT INTO accounts VALUES (?, 0)", std::to_string(i)));
      auto row = database.query("SELECT rootpage FROM sqlite_schema WHERE name = 'accounts'");
      ASSERT_TRUE(row->step().value());
      root = row->integer(0);
    }
    {
      std::fstream out{file, std::ios::in | std::ios::out | std::ios::binary};
      out.seekp((root - 1) * 4096);
      out << std::string(64, '\xff');
    }
    auto database = sluice::sqlite::Database::open(file, {.read_only = true}).value();
    EXPECT_THAT(audit(database)->findings, Contains(HasSubstr("damaged file")));
  });
}

TEST(Audit, RefusesWhatIsNoLedger) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    payments_testing::TempFolder folder;
    auto database = sluice::sqlite::Database::open(folder.file("other.db")).value();
    EXPECT_EQ(audit(database).error().code(), sluice::Code::failed_precondition);
  });
}

TEST(Audit, CountsWhatThereIs) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    TestService test;
    const std::string id = test.paid("p1", 1000);
    (void)test.create("p2", TestService::payment(150, "alice", "shop", "JPY"));
    (void)test.refund("r1", id, 100);
    const AuditReport report = test.audited();
    EXPECT_EQ(report.payments, 2);
    EXPECT_EQ(report.refunds, 1);
    EXPECT_EQ(report.entries, 6);
    EXPECT_EQ(report.accounts, 2);
    EXPECT_EQ(report.events, 3);
    EXPECT_EQ(report.events_undelivered, 3);
    ASSERT_EQ(report.currencies.size(), 2u);
    EXPECT_EQ(report.currencies[0].currency, "EUR");
    EXPECT_EQ(report.currencies[0].moved, "11.00");
    EXPECT_EQ(report.currencies[1].moved, "150");
  });
}

}  // namespace
}  // namespace payment_core
