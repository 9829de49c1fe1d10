// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/payment_core/audit.h"

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

TEST(Audit, FindsEachKindOfPlantedDamage) {
  struct Case {
    const char* damage;
    const char* finding;
  };
  Runtime runtime{{.max_procs = 2}};
  for (const Case& c : {
           Case{"UPDATE entries SET minor = minor + 1 WHERE id = 1", "money made or lost"},
           {"UPDATE entries SET minor = minor + 1 WHERE id = 1", "unbalanced"},
           {"UPDATE balances SET minor = minor + 1 WHERE account = 'shop'", "wrong balance"},
           {"DELETE FROM balances WHERE account = 'shop'", "entries without a balance"},
           {"UPDATE entries SET balance_after = 77 WHERE id = (SELECT max(id) FROM entries)",
            "last entry disagrees"},
           {"DELETE FROM entries WHERE refund_id IS NULL", "wrong entries of a payment"},
           {"DELETE FROM entries WHERE refund_id IS NOT NULL", "wrong entries of a refund"},
           {"UPDATE entries SET payment_id = 'pay_x'", "entries of nothing"},
           {"UPDATE payments SET refunded = refunded + 1 WHERE refunded > 0",
            "refunds beyond the payment"},
           {"DELETE FROM outbox WHERE type = 'payment.captured'", "payment without its event"},
           {"DELETE FROM outbox WHERE type = 'payment.refunded'", "refunds without their events"},
           {"INSERT INTO outbox (event_id, type, subject, body, created_at)"
            " SELECT event_id, type, subject, body, created_at FROM outbox LIMIT 1",
            "doubled event"},
           {"UPDATE idempotency SET resource_id = NULL", "not exactly one idempotency record"},
           {"UPDATE idempotency SET resource_id = 'pay_x'", "idempotency record of nothing"},
           {"PRAGMA foreign_keys=OFF; DELETE FROM accounts", "dangling reference"},
       })
    runtime.block_on([&] {
      TestService test;
      const std::string id = test.paid("p1", 1000);
      test.paid("p2", 500);
      (void)test.refund("r1", id, 100);
      ASSERT_THAT(test.audited().findings, IsEmpty());
      auto vandal = sluice::sqlite::Database::open(test.folder.file("ledger.db")).value();
      ASSERT_TRUE(vandal.execute(c.damage)) << c.damage;
      EXPECT_THAT(test.audited().findings, Contains(HasSubstr(c.finding))) << c.damage;
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
