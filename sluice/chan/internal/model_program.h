// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "sluice/base/assert.h"
#include "sluice/chan/channel.h"
#include "sluice/chan/internal/select_core.h"
#include "sluice/chan/internal/test_support.h"

namespace sluice::internal {

// Runs a program of channel operations, given as bytes, beside a sequential model of Go's rules,
// and asserts after each operation that both agree.
//
// Operations that the model says must wait are given to a goroutine of their own; the program goes
// on when that one waits, and when a waiter is served it waits for the answer. So every step starts
// from rest, and only select's choice among ready cases is left open: there the model follows the
// channel.
// Call it from a goroutine.
class ModelProgram {
 public:
  explicit ModelProgram(std::span<const uint8_t> bytes) : bytes_(bytes) {
    for (size_t capacity : {0, 0, 1, 3}) lanes_.push_back(Lane(capacity));
  }

  void run() {
    while (!bytes_.empty()) step();
    finish();
  }

 private:
  struct Case {
    size_t lane;
    bool sends;
    int value;
  };
  // An operation in progress: a plain one has one case.
  struct Operation {
    std::vector<Case> cases;
    int taken = -1;
    bool success = false;
    std::atomic<bool> over{false};
  };
  struct Waiting {
    std::shared_ptr<Operation> operation;
    size_t number;
  };
  // A channel and its model.
  struct Lane {
    explicit Lane(size_t capacity) : channel(capacity) {}
    Channel<int> channel;
    std::deque<int> buffer;
    std::deque<Waiting> senders, receivers;
    bool closed = false;
  };

  uint8_t next_byte() {
    if (bytes_.empty()) return 0;
    uint8_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte;
  }

  void step() {
    uint8_t code = next_byte();
    if (code % 16 == 15) return close(lanes_[code / 16 % lanes_.size()]);
    bool has_default = code % 4 == 3;
    auto operation = std::make_shared<Operation>();
    // A select on one side of one channel twice would leave open which of the two is served.
    unsigned used = 0;
    for (unsigned left = code / 16 % 4 + 1; left > 0; --left) {
      unsigned which = next_byte() % (2 * unsigned(lanes_.size()));
      if ((used >> which & 1) != 0) continue;
      used |= 1u << which;
      operation->cases.push_back({which / 2, which % 2 == 0, ++last_value_});
    }
    for (Case& each : operation->cases)
      if (each.sends && lanes_[each.lane].closed) return;  // would end the process
    perform(operation, has_default);
  }

  bool ready(const Case& each) const {
    const Lane& lane = lanes_[each.lane];
    if (each.sends) return !lane.receivers.empty() || lane.buffer.size() < lane.channel.capacity();
    return !lane.buffer.empty() || !lane.senders.empty() || lane.closed;
  }

  void perform(const std::shared_ptr<Operation>& operation, bool has_default) {
    bool any = false;
    for (const Case& each : operation->cases) any = any || ready(each);
    if (any || has_default) {
      execute(*operation, has_default);
      SLUICE_ASSERT((operation->taken >= 0) == any, "took a case if and only if one was ready");
      if (any) follow(*operation);
    } else {
      leave_waiting(operation);
    }
    for (const Lane& lane : lanes_) SLUICE_ASSERT(lane.channel.size() == lane.buffer.size());
  }

  void execute(Operation& operation, bool has_default) const {
    std::vector<SelectCase> cases(operation.cases.size());
    for (size_t i = 0; i < cases.size(); ++i) {
      cases[i].core = ChannelAccess::core(lanes_[operation.cases[i].lane].channel);
      cases[i].sends = operation.cases[i].sends;
      cases[i].element = &operation.cases[i].value;
    }
    if (cases.size() > 1 || has_default) {
      operation.taken = select(cases.data(), cases.size(), has_default, nullptr);
      operation.success = operation.taken >= 0 && cases[size_t(operation.taken)].success;
    } else {
      operation.taken = 0;
      if (cases[0].sends)
        cases[0].core->send(cases[0].element);
      else
        operation.success = cases[0].core->receive(cases[0].element);
    }
  }

  // Does to the model what the channels have done.
  void follow(const Operation& operation) {
    const Case& taken = operation.cases[size_t(operation.taken)];
    SLUICE_ASSERT(ready(taken), "took a case that was not ready");
    Lane& lane = lanes_[taken.lane];
    if (taken.sends) {
      if (lane.receivers.empty())
        lane.buffer.push_back(taken.value);
      else
        serve_receiver(lane, taken.value);
      return;
    }
    std::optional<int> expected;
    if (!lane.buffer.empty()) {
      expected = lane.buffer.front();
      lane.buffer.pop_front();
      if (!lane.senders.empty()) lane.buffer.push_back(serve_sender(lane));
    } else if (!lane.senders.empty()) {
      expected = serve_sender(lane);
    }
    SLUICE_ASSERT(operation.success == expected.has_value());
    if (expected) SLUICE_ASSERT(taken.value == *expected, "received in order");
  }

  void leave_waiting(const std::shared_ptr<Operation>& operation) {
    std::vector<uint64_t> before;
    for (const Case& each : operation->cases) before.push_back(moment(lanes_[each.lane].channel));
    go([this, operation] {
      execute(*operation, false);
      operation->over = true;
    });
    for (size_t i = 0; i < operation->cases.size(); ++i) {
      Lane& lane = lanes_[operation->cases[i].lane];
      await_change(lane.channel, before[i]);
      (operation->cases[i].sends ? lane.senders : lane.receivers).push_back({operation, i});
    }
  }

  // The first waiter must have been served by the last operation, with case `number`.
  std::shared_ptr<Operation> served(std::deque<Waiting>& queue) {
    auto [operation, number] = queue.front();
    while (!operation->over) yield();
    SLUICE_ASSERT(operation->taken == int(number), "first come first served");
    for (Lane& lane : lanes_)
      for (auto* each : {&lane.senders, &lane.receivers})
        std::erase_if(*each,
                      [&](const Waiting& waiting) { return waiting.operation == operation; });
    return operation;
  }
  void serve_receiver(Lane& lane, std::optional<int> value) {
    std::shared_ptr<Operation> operation = served(lane.receivers);
    SLUICE_ASSERT(operation->success == value.has_value());
    if (value) SLUICE_ASSERT(operation->cases[size_t(operation->taken)].value == *value);
  }
  int serve_sender(Lane& lane) {
    std::shared_ptr<Operation> operation = served(lane.senders);
    return operation->cases[size_t(operation->taken)].value;
  }

  void close(Lane& lane) {
    if (lane.closed || !lane.senders.empty()) return;  // would end the process
    lane.channel.close();
    lane.closed = true;
    while (!lane.receivers.empty()) serve_receiver(lane, std::nullopt);
  }

  // Serves whoever still waits.
  void finish() {
    for (size_t i = 0; i < lanes_.size(); ++i) {
      while (!lanes_[i].senders.empty() || !lanes_[i].buffer.empty()) {
        auto receive = std::make_shared<Operation>();
        receive->cases.push_back({i, false, 0});
        perform(receive, false);
      }
      close(lanes_[i]);
    }
  }

  std::span<const uint8_t> bytes_;
  std::vector<Lane> lanes_;
  int last_value_ = 0;
};

}  // namespace sluice::internal
