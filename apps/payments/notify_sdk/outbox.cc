// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/notify_sdk/outbox.h"

namespace notify_sdk {

using sluice::Result;
using sluice::sqlite::Database;
using sluice::sqlite::Statement;

namespace {

Result<int64_t> count(Database& database, std::string_view sql) {
  Statement row = SLUICE_TRY(database.query(sql));
  SLUICE_TRY(row.step());
  return row.integer(0);
}

}  // namespace

Result<void> create_outbox(Database& database) {
  return database.execute(R"sql(
CREATE TABLE outbox (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL,
  type TEXT NOT NULL,
  subject TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  not_before INTEGER NOT NULL DEFAULT 0,
  last_failure TEXT,
  delivered_at INTEGER,
  dead_at INTEGER
) STRICT;
CREATE INDEX outbox_undelivered ON outbox(sequence) WHERE delivered_at IS NULL AND dead_at IS NULL;
CREATE INDEX outbox_dead ON outbox(sequence) WHERE dead_at IS NOT NULL;
CREATE INDEX outbox_by_subject ON outbox(subject);
)sql");
}

Result<void> add_dead_letters(Database& database) {
  return database.execute(R"sql(
ALTER TABLE outbox ADD COLUMN dead_at INTEGER;
DROP INDEX outbox_undelivered;
CREATE INDEX outbox_undelivered ON outbox(sequence) WHERE delivered_at IS NULL AND dead_at IS NULL;
CREATE INDEX outbox_dead ON outbox(sequence) WHERE dead_at IS NOT NULL;
)sql");
}

Result<void> enqueue(Database& database, const Event& event) {
  return database.run(
      "INSERT INTO outbox (event_id, type, subject, body, created_at) VALUES (?, ?, ?, ?, ?)",
      event.id, event.type, event.subject, event.body, event.created_at);
}

Result<std::vector<Delivery>> read_undelivered(Database& database, int64_t sequence,
                                               int64_t limit) {
  Statement row = SLUICE_TRY(database.query(
      "SELECT sequence, event_id, type, subject, body, created_at, attempts, not_before"
      " FROM outbox INDEXED BY outbox_undelivered"
      " WHERE delivered_at IS NULL AND dead_at IS NULL AND sequence > ? ORDER BY sequence LIMIT ?",
      sequence, limit));
  std::vector<Delivery> deliveries;
  while (SLUICE_TRY(row.step()))
    deliveries.push_back({.sequence = row.integer(0),
                          .event = {.id = std::string{row.text(1)},
                                    .type = std::string{row.text(2)},
                                    .subject = std::string{row.text(3)},
                                    .body = std::string{row.text(4)},
                                    .created_at = row.integer(5)},
                          .attempts = row.integer(6),
                          .not_before = row.integer(7)});
  return deliveries;
}

Result<int64_t> count_undelivered(Database& database) {
  return count(database,
               "SELECT count(*) FROM outbox WHERE delivered_at IS NULL AND dead_at IS NULL");
}

Result<std::vector<DeadLetter>> read_dead(Database& database, int64_t limit) {
  Statement row = SLUICE_TRY(database.query(
      "SELECT event_id, type, subject, created_at, attempts, last_failure FROM outbox"
      " WHERE dead_at IS NOT NULL ORDER BY sequence DESC LIMIT ?",
      limit));
  std::vector<DeadLetter> letters;
  while (SLUICE_TRY(row.step()))
    letters.push_back({.event = {.id = std::string{row.text(0)},
                                 .type = std::string{row.text(1)},
                                 .subject = std::string{row.text(2)},
                                 .created_at = row.integer(3)},
                       .attempts = row.integer(4),
                       .last_failure = std::string{row.text(5)}});
  return letters;
}

Result<int64_t> count_dead(Database& database) {
  return count(database, "SELECT count(*) FROM outbox WHERE dead_at IS NOT NULL");
}

Result<void> mark_delivered(Database& database, int64_t sequence, int64_t now) {
  return database.run("UPDATE outbox SET delivered_at = ? WHERE sequence = ?", now, sequence);
}

Result<void> mark_failed(Database& database, int64_t sequence, int64_t not_before,
                         std::string_view reason) {
  return database.run(
      "UPDATE outbox SET attempts = attempts + 1, not_before = ?, last_failure = ?"
      " WHERE sequence = ?",
      not_before, reason, sequence);
}

Result<void> mark_dead(Database& database, int64_t sequence, int64_t now, std::string_view reason) {
  return database.run(
      "UPDATE outbox SET attempts = attempts + 1, dead_at = ?, last_failure = ? WHERE sequence = ?",
      now, reason, sequence);
}

// As new rows: a running dispatcher has read past the old ones, and will find these behind them.
Result<int64_t> requeue_dead(Database& database, std::optional<std::string_view> event_id) {
  SLUICE_TRY(
      database.run("INSERT INTO outbox (event_id, type, subject, body, created_at)"
                   " SELECT event_id, type, subject, body, created_at FROM outbox"
                   " WHERE dead_at IS NOT NULL AND event_id = coalesce(?1, event_id)"
                   " ORDER BY sequence",
                   event_id));
  SLUICE_TRY(
      database.run("DELETE FROM outbox WHERE dead_at IS NOT NULL"
                   " AND event_id = coalesce(?1, event_id)",
                   event_id));
  return database.changes();
}

}  // namespace notify_sdk
