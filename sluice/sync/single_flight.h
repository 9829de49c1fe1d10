// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "sluice/base/defer.h"
#include "sluice/base/result.h"
#include "sluice/chan/channel.h"
#include "sluice/chan/select.h"
#include "sluice/context/context.h"
#include "sluice/runtime/go.h"
#include "sluice/sync/mutex.h"

namespace sluice::sync {

// Lets only one of many who ask for the same thing at the same time do the work.
//   SingleFlight<std::string, User> users;
//   Result<User> user = users.call(name, [&] { return load_user(name); }).result;
// Nothing is kept: who asks after the answer came starts anew. For values that stay, see OnceValue
// and Map. V must be copyable; all callers get copies of one result.
// Thread-safety: all operations. It may be destroyed when no call() is in progress; a function that
// all its callers have left with their contexts may still be running.
// Source: golang.org/x/sync/singleflight.
template <class K, class V, class Hash = std::hash<K>>
class SingleFlight {
 public:
  struct Answer {
    Result<V> result;
    bool shared;  // more than one caller got it
  };

  SingleFlight() = default;
  SingleFlight(const SingleFlight&) = delete;
  SingleFlight& operator=(const SingleFlight&) = delete;

  // Runs `fn()` -> Result<V> here, or waits for the one who is running theirs for this key.
  // If `fn` throws, its caller gets the exception and those who waited Code::aborted.
  template <class F>
  Answer call(const K& key, F&& fn) {
    auto [flight, leading] = join(key);
    if (leading) {
      Landing landing{*state_, key, *flight};
      flight->result.emplace(fn());
    } else {
      flight->landed.receive();
    }
    return answer(*flight);
  }

  // As call(), but waits no longer than `context`. `fn` runs in a goroutine of its own: it goes on
  // for the others, and ends by what it captured. Errors: context.err(), and those of `fn`.
  template <class F>
  Answer call(const Context& context, const K& key, F&& fn) {
    auto [flight, leading] = join(key);
    if (leading) {
      // If `fn` cannot be copied, the flight must not stay for ever.
      Defer undo{[&, &flight = flight] { Landing landing{*state_, key, *flight}; }};
      go([state = state_, key, flight,
          fn = std::optional<std::decay_t<F>>(std::in_place, std::forward<F>(fn))]() mutable {
        Landing landing{*state, key, *flight};
        Defer before{[&] { fn.reset(); }};  // what it holds goes before its callers go on
        flight->result.emplace((*fn)());
      });
      undo.cancel();
    }
    bool landed = false;
    select(on_receive(flight->landed, [&] { landed = true; }), on_receive(context.done(), [] {}));
    if (!landed) return {*context.err(), false};
    return answer(*flight);
  }

  // Lets the next call for this key run its own function, though one may be in progress.
  void forget(const K& key) {
    std::lock_guard lock(state_->mutex);
    state_->flights.erase(key);
  }

 private:
  struct Flight {
    Channel<Unit> landed;             // closed when result is set
    std::optional<Result<V>> result;  // written by the leader before landed is closed
    std::atomic<bool> shared{false};
  };
  struct State {
    Mutex mutex;
    std::unordered_map<K, std::shared_ptr<Flight>, Hash> flights;  // guarded by mutex
  };
  // Ends a flight on every way out of its function.
  struct Landing {
    ~Landing() {
      if (!flight.result) flight.result.emplace(Error(Code::aborted, "singleflight: fn threw"));
      {
        std::lock_guard lock(state.mutex);
        auto found = state.flights.find(key);
        // After forget() the key may be another flight's.
        if (found != state.flights.end() && found->second.get() == &flight)
          state.flights.erase(found);
      }
      flight.landed.close();
    }
    State& state;
    const K& key;
    Flight& flight;
  };

  std::pair<std::shared_ptr<Flight>, bool> join(const K& key) {
    std::lock_guard lock(state_->mutex);
    std::shared_ptr<Flight>& flight = state_->flights[key];
    if (flight != nullptr) {
      flight->shared.store(true, std::memory_order_relaxed);
      return {flight, false};
    }
    flight = std::make_shared<Flight>();
    return {flight, true};
  }
  static Answer answer(const Flight& flight) {
    return {*flight.result, flight.shared.load(std::memory_order_relaxed)};
  }

  // Shared with goroutines that may run longer than this object lives.
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace sluice::sync
