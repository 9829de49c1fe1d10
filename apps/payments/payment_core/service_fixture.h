// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "apps/payments/payment_core/audit.h"
#include "apps/payments/payment_core/schema.h"
#include "apps/payments/payment_core/service.h"
#include "apps/payments/risk_engine/engine.h"
#include "apps/payments/testing/temp_folder.h"
#include "sluice/base/assert.h"
#include "sluice/json/value.h"

namespace payment_core {

// For tests: a service on a database of its own. Made and used on goroutines.
struct TestService {
  explicit TestService(risk_engine::Assessor* assessor = nullptr,
                       sluice::Duration risk_deadline = std::chrono::hours{1})
      : engine({.velocity_review = 1'000'000, .velocity_deny = 1'000'000}),
        guard(assessor != nullptr ? *assessor : engine, {}, {.deadline = risk_deadline}),
        writer(open(folder.file("ledger.db"))),
        readers(sluice::sqlite::ReaderPool::open(folder.file("ledger.db"), 2).value()),
        service(writer, *readers, guard, [] {}) {}

  static sluice::sqlite::Database open(const std::string& path) {
    auto database =
        sluice::sqlite::Database::open(path, {.durability = sluice::sqlite::Durability::off})
            .value();
    prepare_schema(database).value();
    return database;
  }

  static CreatePayment payment(int64_t minor, std::string payer = "alice",
                               std::string payee = "shop", std::string_view currency = "EUR") {
    return {.payer = std::move(payer),
            .payee = std::move(payee),
            .amount = Money{minor, Currency::parse(currency).value()},
            .country = "DE"};
  }

  sluice::Result<Answer> create(const std::string& key, const CreatePayment& request) {
    return service.create_payment(sluice::Context::background(), key, request);
  }
  sluice::Result<Answer> refund(const std::string& key, const std::string& payment_id,
                                std::optional<int64_t> minor) {
    return service.refund(sluice::Context::background(), key,
                          {.payment_id = payment_id, .amount_minor = minor});
  }
  // Makes a payment and returns its id.
  std::string paid(const std::string& key, int64_t minor) {
    return id_of(create(key, payment(minor)).value());
  }
  static std::string id_of(const Answer& answer) {
    return std::string{sluice::json::parse(answer.body)->get_string("id").value()};
  }
  AuditReport audited() {
    auto reader = readers->acquire(sluice::Context::background()).value();
    return audit(*reader).value();
  }
  int64_t balance(const std::string& account) {
    return service.account(sluice::Context::background(), account)->balances.at(0).amount.minor();
  }

  payments_testing::TempFolder folder;
  risk_engine::Engine engine;
  risk_engine::Guard guard;
  sluice::sqlite::Writer writer;
  std::unique_ptr<sluice::sqlite::ReaderPool> readers;
  Service service;
};

}  // namespace payment_core
