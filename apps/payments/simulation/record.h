// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "apps/payments/payment_core/request.h"
#include "sluice/sqlite/database.h"

namespace payments_simulation {

// What a client asks for.
struct Command {
  std::variant<payment_core::CreatePayment, payment_core::CreateRefund> request;

  bool is_payment() const { return request.index() == 0; }
  std::string canonical() const;
};

// What it is told. A status of 500 or more says nothing about what was done.
struct Reply {
  int status = 0;
  std::string body;
  bool replayed = false;

  // The same key was used for another request.
  bool is_conflict() const;
};

// A payment or a refund that a client was told of.
struct Acknowledged {
  std::string key;
  std::string id;
  int64_t amount = 0;
  bool is_payment = false;
};

// All that clients asked and were told, and what the merchant was told. Says at once, by
// simulation::fail(), what cannot be true together; check_against() says the rest. Nothing here
// lets others in between, so nothing is locked.
class Record {
 public:
  void ask(const std::string& key, const Command& command);
  void answer(const std::string& key, const Command& command, const Reply& reply);
  void deliver(const std::string& event_id, const std::string& body);

  // Whether the key's winner is known.
  bool is_answered(const std::string& key) const;
  // Every key, with what was asked by it.
  std::map<std::string, std::vector<Command>> asked() const;

  // The ledger, when nothing happens any more, every key has been answered, and no event waits:
  // that it has exactly what was acknowledged, and its outbox what was delivered, in order.
  void check_against(sluice::sqlite::Database& ledger) const;

 private:
  struct Winner {
    std::string canonical;
    int status = 0;
    std::string body;
    std::optional<Acknowledged> made;
  };
  struct Key {
    std::vector<Command> commands;  // that differ
    std::set<std::string> refused;  // their canonical texts
    std::optional<Winner> winner;
    int executions = 0;
  };
  struct Received {
    std::string body;
    uint64_t order = 0;  // of its first time
  };

  void check_made(sluice::sqlite::Database& ledger) const;
  void check_counts(sluice::sqlite::Database& ledger) const;
  void check_deliveries(sluice::sqlite::Database& ledger) const;

  std::map<std::string, Key> keys_;
  std::map<std::string, Received> received_;
};

// The member of a JSON body, or fail().
std::string text_of(const std::string& body, const char* member);
int64_t number_of(const std::string& body, const char* member);

}  // namespace payments_simulation
