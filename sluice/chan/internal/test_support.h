// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>

#include "sluice/chan/channel.h"
#include "sluice/runtime/runtime.h"

namespace sluice::internal {

// Runs `fn` as a goroutine of a scheduler with that many processors, and waits for the goroutines
// that it has started.
template <class Fn>
void on_processors(int processors, Fn fn) {
  Runtime runtime{{.max_procs = processors}};
  runtime.block_on([&] {
    size_t others = num_goroutines();
    fn();
    while (num_goroutines() > others) yield();
  });
}

// Test bodies that must hold at any number of processors.
template <class Fn>
void on_any_processors(Fn fn) {
  for (int processors : {1, 2, 4}) on_processors(processors, fn);
}

// How tests wait without sleeping: they look at the word that every change of a channel changes.
template <class C>
uint64_t moment(const C& channel) {
  return ChannelAccess::core(channel)->status().word();
}
template <class C>
void await_change(const C& channel, uint64_t since) {
  while (moment(channel) == since) yield();
}

template <class C>
bool has_receiver(const C& channel) {
  return ChannelAccess::core(channel)->status().has_receivers();
}
template <class C>
bool has_sender(const C& channel) {
  return ChannelAccess::core(channel)->status().has_senders();
}
template <class C>
void await_receiver(const C& channel) {
  while (!has_receiver(channel)) yield();
}
template <class C>
void await_sender(const C& channel) {
  while (!has_sender(channel)) yield();
}

// Starts a goroutine and returns when it waits in `channel`. Nobody else may use the channel.
template <class C, class Fn>
void go_and_wait_in(const C& channel, Fn fn) {
  uint64_t before = moment(channel);
  go(std::move(fn));
  await_change(channel, before);
}

// A value that counts how many of its kind are alive and where one was destroyed twice.
class Counted {
 public:
  explicit Counted(int number = 0) : number_(number) { ++alive; }
  Counted(Counted&& other) noexcept : number_(other.number_) { ++alive; }
  Counted(const Counted& other) noexcept : number_(other.number_) { ++alive; }
  Counted& operator=(const Counted&) = default;
  ~Counted() {
    if (mark_ != this) ++broken;
    mark_ = nullptr;
    --alive;
  }

  int number() const { return number_; }

  static inline std::atomic<int> alive{0};
  static inline std::atomic<int> broken{0};  // destroyed twice, or never constructed

 private:
  int number_;
  const Counted* mark_ = this;
};

}  // namespace sluice::internal
