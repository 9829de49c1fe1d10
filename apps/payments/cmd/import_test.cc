// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/import.h"

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/payments/cmd/import_row.h"
#include "apps/payments/cmd/load.h"
#include "apps/payments/cmd/verify.h"
#include "apps/payments/notify_sdk/outbox.h"
#include "apps/payments/payment_core/http_fixture.h"
#include "sluice/runtime/runtime.h"

namespace payments_cmd {
namespace {

using payment_core::AuditReport;
using payment_core::Served;
using sluice::Context;
using sluice::Runtime;
using testing::ElementsAre;
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
    std::ofstream{acknowledged, std::ios::app} << "key pay_lost 100 EUR\n";
    EXPECT_EQ(verify(Context::background(), options).value(), 1);
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
