// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/import.h"

#include <atomic>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/payments/cmd/import_row.h"
#include "apps/payments/cmd/load.h"
#include "apps/payments/cmd/requeue.h"
#include "apps/payments/cmd/verify.h"
#include "apps/payments/notify_sdk/outbox.h"
#include "apps/payments/payment_core/http_fixture.h"
#include "sluice/runtime/runtime.h"

namespace payments_cmd {
namespace {

using payment_core::AuditReport;
using payment_core::Served;
using payment_core::TestService;
using sluice::Context;
using sluice::Runtime;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

std::string write(Served& served, const std::string& name, const std::string& text) {
  const std::string file = served.test.folder.file(name);
  std::ofstream{file} << text;
  return file;
}

std::vector<std::string> lines_of(const std::string& file) {
  std::vector<std::string> lines;
  std::ifstream in{file};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Says yes, and calls `at_tenth` once.
class CancellingAssessor final : public risk_engine::Assessor {
 public:
  explicit CancellingAssessor(std::function<void()> at_tenth) : at_tenth_(std::move(at_tenth)) {}
  sluice::Result<risk_engine::Assessment> assess(const Context&,
                                                 const risk_engine::Inquiry&) override {
    if (++calls_ == 10) at_tenth_();
    return risk_engine::Assessment{.decided_by = "engine"};
  }

 private:
  std::function<void()> at_tenth_;
  std::atomic<int> calls_{0};
};

TEST(Import, TakesGoodRowsAndReportsBadOnes) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Served served;
    const std::string file = write(served, "in.csv", std::string{import_header} + R"(
payment,p1,,alice,shop,12.50,EUR,DE,books
payment,p2,,bob,shop,1250,JPY,JP,
payment,p3,,bob,shop,1.5,JPY,JP,
refund,r1,p1,,,2.50,EUR,,late
refund,r2,p1,,,11.00,EUR,,too much
refund,r3,p9,,,1.00,EUR,,unknown
payment,p1,,alice,shop,12.50,EUR,DE,books
payment,p1,,alice,shop,13.50,EUR,DE,clash
garbage
)");
    EXPECT_EQ(import_file(Context::background(),
                          {.file = file, .url = served.url(), .quiet = true, .concurrency = 1})
                  .value(),
              0);
    std::vector<std::string> rejects = lines_of(file + ".rejects");
    std::sort(rejects.begin(), rejects.end());
    EXPECT_THAT(rejects, ElementsAre(StartsWith("line 10: expected 9 columns"),
                                     StartsWith("line 4: amount: JPY has 0 decimals"),
                                     StartsWith("line 6: amount: 1100 is more than the 1000"),
                                     StartsWith("line 7: payment_key: "),
                                     StartsWith("line 9: Idempotency-Key: ")));
    const AuditReport report = served.test.audited();
    EXPECT_THAT(report.findings, IsEmpty());
    EXPECT_EQ(report.payments, 2);
    EXPECT_EQ(report.refunds, 1);
  });
}

TEST(Import, TwiceChangesNothing) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Served served;
    std::ostringstream csv;
    csv << import_header << '\n';
    for (int i = 0; i < 100; ++i)
      csv << "payment,p" << i << ",,a" << i % 7 << ",shop," << i + 1 << ".00,EUR,DE,\n"
          << "refund,r" << i << ",p" << i << ",,,,,,all\n";
    const ImportOptions options{
        .file = write(served, "in.csv", csv.str()), .url = served.url(), .quiet = true};
    for (int round = 0; round < 2; ++round) {
      ASSERT_TRUE(import_file(Context::background(), options));
      EXPECT_THAT(lines_of(options.file + ".rejects"), IsEmpty());
      const AuditReport report = served.test.audited();
      EXPECT_EQ(report.payments, 100);
      EXPECT_EQ(report.refunds, 100);
    }
  });
}

TEST(Import, RefusesAnotherFileFormat) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Served served;
    const ImportOptions options{
        .file = write(served, "in.csv", "id,amount\n1,2\n"), .url = served.url(), .quiet = true};
    EXPECT_EQ(import_file(Context::background(), options).error().code(),
              sluice::Code::invalid_argument);
    EXPECT_EQ(import_file(Context::background(), {.file = "/nowhere", .url = served.url()})
                  .error()
                  .code(),
              sluice::Code::not_found);
  });
}

TEST(Import, SaysWhatIsWrongWithTheFile) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Served served;
    const auto failure_of = [&](ImportOptions options) {
      options.url = served.url();
      options.quiet = true;
      return import_file(Context::background(), options).error().to_string();
    };
    EXPECT_THAT(failure_of({.file = write(served, "empty.csv", "")}), HasSubstr("file is empty"));
    EXPECT_THAT(failure_of({.file = write(served, "few.csv", "type,payer\n")}),
                AllOf(HasSubstr("few.csv: line 1: "), HasSubstr("missing: idempotency_key, ")));
    EXPECT_THAT(failure_of({.file = write(served, "semicolons.csv", "type;payer\n")}),
                HasSubstr("found: type;payer"));
    EXPECT_THAT(failure_of({.file = "/"}), HasSubstr("is a folder"));
    EXPECT_THAT(failure_of({.file = "/nowhere"}), HasSubstr("/nowhere: No such file"));
    const std::string file = write(served, "in.csv", std::string{import_header} + "\n");
    EXPECT_THAT(failure_of({.file = file, .rejects_file = "/nowhere/x"}), HasSubstr("/nowhere/x"));
    EXPECT_THAT(failure_of({.file = file, .rejects_file = file}), HasSubstr("would overwrite"));
    EXPECT_THAT(lines_of(file), ElementsAre(import_header));
  });
}

TEST(Import, TakesWhatASpreadsheetWrites) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Served served;
    const std::string file =
        write(served, "in.csv",
              "\xef\xbb\xbf" + std::string{import_header} +
                  "\r\n\"payment\",\"p1\",,alice,shop,\"12.50\",EUR,DE,\"a \"\"b\"\", c\"\r\n");
    // Also with a slash too many.
    ASSERT_TRUE(import_file(Context::background(),
                            {.file = file, .url = served.url() + "/", .quiet = true}));
    EXPECT_THAT(lines_of(file + ".rejects"), IsEmpty());
    EXPECT_EQ(served.test.balance("shop"), 1250);
  });
}

TEST(Import, RefusesAtOnceWhatIsNoPaymentsService) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Served served;
    const std::string file = write(served, "in.csv", std::string{import_header} + "\n");
    for (const std::string& url : {std::string{"nonsense"}, served.url() + "?x=1"})
      EXPECT_EQ(import_file(Context::background(), {.file = file, .url = url}).error().code(),
                sluice::Code::invalid_argument);
    EXPECT_EQ(import_file(Context::background(), {.file = file, .url = served.url() + "/v1"})
                  .error()
                  .code(),
              sluice::Code::failed_precondition);
  });
}

// Ctrl-C: what has begun is in the ledger once, and the same command does the rest.
TEST(Import, AStoppedOneIsTakenUpByTheSameCommand) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    auto [context, cancel] = sluice::with_cancel(Context::background());
    CancellingAssessor assessor{[cancel = &cancel] { (*cancel)(); }};
    Served served{&assessor};
    std::ostringstream csv;
    csv << import_header << '\n';
    for (int i = 0; i < 200; ++i)
      csv << "payment,p" << i << ",,a" << i % 7 << ",shop,1.00,EUR,DE,\n";
    const ImportOptions options{.file = write(served, "in.csv", csv.str()),
                                .url = served.url(),
                                .quiet = true,
                                .concurrency = 4};
    EXPECT_THAT(import_file(context, options).error().to_string(), HasSubstr("goes on with it"));
    ASSERT_TRUE(import_file(Context::background(), options));
    EXPECT_THAT(lines_of(options.file + ".rejects"), IsEmpty());
    const AuditReport report = served.test.audited();
    EXPECT_THAT(report.findings, IsEmpty());
    EXPECT_EQ(report.payments, 200);
  });
}

TEST(Load, IsAnsweredRightAndAcknowledgesWhatTheLedgerHas) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Served served;
    const std::string acknowledged = served.test.folder.file("acknowledged");
    EXPECT_EQ(run_load(Context::background(), {.url = served.url(),
                                               .goroutines = 8,
                                               .duration = std::chrono::milliseconds{200},
                                               .acknowledged_file = acknowledged})
                  .value(),
              0);
    const VerifyOptions options{.database = served.test.folder.file("ledger.db"),
                                .acknowledged_file = acknowledged};
    EXPECT_EQ(verify(Context::background(), options).value(), 0);
    // Something was promised that the ledger does not have.
    std::ofstream{acknowledged, std::ios::app} << "key ref_lost 100 EUR\n";
    EXPECT_EQ(verify(Context::background(), options).value(), 1);
  });
}

TEST(Verify, KnowsThatOldKeysAreForgotten) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Served served;
    const std::string id = served.test.paid("p1", 100);
    const std::string acknowledged = served.test.folder.file("acknowledged");
    const auto refund = served.test.refund("r1", id, 40).value();
    std::ofstream{acknowledged} << "p1 " << id << " 100 EUR\n"
                                << "r1 " << TestService::id_of(refund) << " 40 EUR\n";
    const VerifyOptions options{.database = served.test.folder.file("ledger.db"),
                                .acknowledged_file = acknowledged};
    const auto run = [&](const char* sql) {
      ASSERT_TRUE(served.test.writer.run(
          [&](sluice::sqlite::Database& database) { return database.run(sql); }));
    };
    EXPECT_EQ(verify(Context::background(), options).value(), 0);
    run("DELETE FROM idempotency");
    EXPECT_EQ(verify(Context::background(), options).value(), 1);
    run("UPDATE pruned SET keys_before = 9000000000000");
    EXPECT_EQ(verify(Context::background(), options).value(), 0);
  });
}

TEST(Requeue, QueuesWhatWasGivenUp) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Served served;
    served.test.paid("p1", 100);
    const std::string database = served.test.folder.file("ledger.db");
    auto reader = served.test.readers->acquire(Context::background()).value();
    const auto events = notify_sdk::read_undelivered(*reader, 0, 10).value();
    EXPECT_EQ(requeue(Context::background(), {.database = database, .event = events[0].event.id})
                  .error()
                  .code(),
              sluice::Code::not_found);
    ASSERT_TRUE(served.test.writer.run([&](sluice::sqlite::Database& database) {
      return notify_sdk::mark_dead(database, events[0].sequence, 1, "planted");
    }));
    EXPECT_EQ(notify_sdk::count_undelivered(*reader).value(), 0);
    EXPECT_EQ(served.test.audited().events_dead, 1);
    EXPECT_EQ(verify(Context::background(), {.database = database}).value(), 0);
    EXPECT_EQ(requeue(Context::background(), {.database = database}).value(), 0);
    const auto again = notify_sdk::read_undelivered(*reader, 0, 10).value();
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(again[0].event.id, events[0].event.id);
    EXPECT_EQ(again[0].attempts, 0);
    EXPECT_GT(again[0].sequence, events[0].sequence);
    EXPECT_EQ(requeue(Context::background(), {.database = served.test.folder.file("none.db")})
                  .error()
                  .code(),
              sluice::Code::not_found);
  });
}

TEST(Verify, ComparesTheOutboxWithTheReceiversRecord) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Served served;
    served.test.paid("p1", 100);
    const std::string record = served.test.folder.file("received");
    std::ofstream{record};
    const VerifyOptions options{.database = served.test.folder.file("ledger.db"),
                                .received_file = record};
    EXPECT_EQ(verify(Context::background(), options).value(), 1);
    auto reader = served.test.readers->acquire(Context::background()).value();
    const auto events = notify_sdk::read_undelivered(*reader, 0, 10).value();
    ASSERT_EQ(events.size(), 1u);
    std::ofstream{record} << events[0].event.id << " payment.captured x\n";
    EXPECT_EQ(verify(Context::background(), options).value(), 0);
  });
}

}  // namespace
}  // namespace payments_cmd
