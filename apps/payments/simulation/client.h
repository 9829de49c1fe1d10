// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/payments/simulation/api.h"
#include "apps/payments/simulation/dice.h"
#include "apps/payments/simulation/record.h"

namespace payments_simulation {

// What clients tell each other, so that they meet.
struct Notebook {
  struct Paid {
    int64_t amount = 0;
    int64_t refunded = 0;  // that was acknowledged
  };
  std::vector<std::pair<std::string, Command>> sent;  // with their keys
  std::map<std::string, Paid> paid;                   // by payment id
};

// How long a client insists.
struct Patience {
  int attempts_max;
  bool gives_up;  // sometimes earlier
};

// Sends the command until it is known what became of it, with deadlines that grow, and records the
// answer. None: the client gave up; out of attempts, the run fails unless it may give up.
std::optional<Reply> insist(Api& api, Record& record, Dice& dice, const std::string& key,
                            const Command& command, Patience patience);

// One client's day: pays, repeats, reuses keys, refunds, reads back.
class Client {
 public:
  Client(int number, Api& api, Record& record, Notebook& notebook, Dice dice)
      : number_(number), api_(api), record_(record), notebook_(notebook), dice_(dice) {}

  void run(int operations);

 private:
  void pay();
  void repeat();
  void reuse_key();
  void refund();
  void read_back();
  Command make_payment();
  const std::string* any_payment();
  void send(const std::string& key, const Command& command);
  std::string next_key();

  const int number_;
  Api& api_;
  Record& record_;
  Notebook& notebook_;
  Dice dice_;
  int keys_ = 0;
};

}  // namespace payments_simulation
