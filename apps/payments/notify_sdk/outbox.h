// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
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

// A row that is to be delivered.
struct Delivery {
  int64_t sequence = 0;  // the order of commits
  Event event;
  int64_t attempts = 0;    // that failed
  int64_t not_before = 0;  // Unix milliseconds
};

// A row that was given up: a dead letter. It stays until somebody requeues it.
struct DeadLetter {
  Event event;  // without its body
  int64_t attempts = 0;
  std::string last_failure;
};

// Errors (all): SQLite's.
sluice::Result<void> create_outbox(sluice::sqlite::Database& database);

// From what create_outbox() made before there were dead letters.
sluice::Result<void> add_dead_letters(sluice::sqlite::Database& database);

// To be called inside the transaction that makes the change.
sluice::Result<void> enqueue(sluice::sqlite::Database& database, const Event& event);

// Undelivered rows after `sequence` that have not been given up, in order, at most `limit`.
sluice::Result<std::vector<Delivery>> read_undelivered(sluice::sqlite::Database& database,
                                                       int64_t sequence, int64_t limit);
sluice::Result<int64_t> count_undelivered(sluice::sqlite::Database& database);

// The latest dead letters, at most `limit`, and how many there are.
sluice::Result<std::vector<DeadLetter>> read_dead(sluice::sqlite::Database& database,
                                                  int64_t limit);
sluice::Result<int64_t> count_dead(sluice::sqlite::Database& database);

sluice::Result<void> mark_delivered(sluice::sqlite::Database& database, int64_t sequence,
                                    int64_t now);
sluice::Result<void> mark_failed(sluice::sqlite::Database& database, int64_t sequence,
                                 int64_t not_before, std::string_view reason);

// A last failure: the row is not delivered any more.
sluice::Result<void> mark_dead(sluice::sqlite::Database& database, int64_t sequence, int64_t now,
                               std::string_view reason);

// Queues dead letters again, behind all that is queued, with all their attempts: the one with this
// event id, or every one. Returns how many. To be called inside a transaction.
sluice::Result<int64_t> requeue_dead(sluice::sqlite::Database& database,
                                     std::optional<std::string_view> event_id);

}  // namespace notify_sdk
