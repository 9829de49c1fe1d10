// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/payments/payment_core/money.h"

namespace payment_core {

// What the ledger stores. Times are Unix milliseconds.

enum class PaymentState : uint8_t { captured, declined };

struct RiskRecord {
  std::string decision;    // allow, review or deny
  int64_t score = 0;       // 0 to 100
  std::string rules;       // names, separated by commas
  std::string decided_by;  // "engine" or "fallback"
};

struct Payment {
  std::string id;
  std::string payer;
  std::string payee;
  Money amount;
  int64_t refunded_minor = 0;  // 0 to amount.minor()
  std::string country;         // ISO 3166 alpha-2, or empty
  std::string reference;
  PaymentState state = PaymentState::captured;
  RiskRecord risk;
  int64_t created_at = 0;
};

struct Refund {
  std::string id;
  std::string payment_id;
  Money amount;
  std::string reason;
  int64_t created_at = 0;
};

// One side of a posting. Entries of one payment or refund add up to zero.
struct Entry {
  int64_t id = 0;  // rises with time
  std::string payment_id;
  std::optional<std::string> refund_id;
  std::string account;
  Money amount;         // negative: money left the account
  Money balance_after;  // the account's balance in this currency, this entry included
  int64_t created_at = 0;
};

struct Balance {
  Money amount;
  int64_t entries = 0;
};

struct Account {
  std::string id;
  std::vector<Balance> balances;  // one per currency, by code
  int64_t created_at = 0;
};

struct EntryPage {
  std::vector<Entry> entries;          // newest first
  std::optional<int64_t> next_before;  // the cursor of the next page; none: this was the last
};

}  // namespace payment_core
