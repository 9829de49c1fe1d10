// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/result.h"
#include "sluice/sqlite/database.h"

namespace notify_sdk {

// The transactional outbox: an event is a row that the business transaction writes itself, so there
// is an event exactly when there is the change it tells of. Rows stay after delivery, as evidence.

struct Event {
  std::string id;          // unique; receivers drop repetitions by it
  std::string type;        // "payment.captured"
  std::string subject;     // what it is about; events of one subject are delivered in order
  std::string body;        // the exact bytes that are sent and signed
  int64_t created_at = 0;  // Unix milliseconds
};

// A row that has not been delivered.
struct Delivery {
  int64_t sequence = 0;  // the order of commits
  Event event;
  int64_t attempts = 0;    // that failed
  int64_t not_before = 0;  // Unix milliseconds
};

// Errors (all): SQLite's.
sluice::Result<void> create_outbox(sluice::sqlite::Database& database);

// To be called inside the transaction that makes the change.
sluice::Result<void> enqueue(sluice::sqlite::Database& database, const Event& event);

// Undelivered rows after `sequence`, in order, at most `limit`.
sluice::Result<std::vector<Delivery>> read_undelivered(sluice::sqlite::Database& database,
                                                       int64_t sequence, int64_t limit);
sluice::Result<int64_t> count_undelivered(sluice::sqlite::Database& database);

sluice::Result<void> mark_delivered(sluice::sqlite::Database& database, int64_t sequence,
                                    int64_t now);
sluice::Result<void> mark_failed(sluice::sqlite::Database& database, int64_t sequence,
                                 int64_t not_before, std::string_view reason);

}  // namespace notify_sdk
