// SPDX-License-Identifier: Apache-2.0

// Goroutines that wait at a channel, a context or a wait group whose other side has left.

// tidy: tested-by: sluice/testing/goker_test.cc

#include <memory>
#include <optional>
#include <vector>

#include "sluice/chan/channel.h"
#include "sluice/chan/select.h"
#include "sluice/context/context.h"
#include "sluice/sync/wait_group.h"
#include "sluice/testing/goker/program.h"

namespace sluice::testing::goker {

namespace {

using std::make_shared;

// Two halves that each send the other what it is not about to receive.
void cockroach_2448(bool fixed) {
  Channel<int> events, callbacks(fixed ? 1 : 0);
  go([=] {
    callbacks.send(1);  // from inside the handling of an event
    events.receive();
  });
  go([=] {
    events.send(1);
    callbacks.receive();
  });
}

// The reader left when its context ended, and drains only what it has not read.
void cockroach_10790(bool fixed) {
  auto [context, cancel] = with_cancel(Context::background());
  std::vector<Channel<bool>> channels(2);
  go([channels, context = context] {
    for (const Channel<bool>& each : channels) {
      bool over = false;
      select(on_send(each, true), on_receive(context.done(), [&] { over = true; }));
      if (over) return;
    }
  });
  channels[0].receive();
  cancel();
  settle();
  if (fixed) return;
  go([channels] {
    for (const Channel<bool>& each : channels) each.receive();
  });
}

struct Transaction {
  CancellableContext scope = with_cancel(Context::background());
};

// Who awaits the end of a transaction keeps it alive, and so its end never comes.
void cockroach_13197(bool fixed) {
  auto transaction = make_shared<Transaction>();
  go([transaction] { transaction->scope.context.done().receive(); });
  settle();
  if (fixed) transaction->scope.cancel();
}

// Rows that nobody closes.
void cockroach_13755(bool fixed) {
  struct Rows {
    std::optional<CancellableContext> scope;
    void open(const Context& context) { scope.emplace(with_cancel(context)); }
  };
  auto rows = make_shared<Rows>();
  rows->open(Context::background());
  go([rows] {
    rows->scope->context.done().receive();
    rows->scope->cancel();
  });
  settle();
  if (fixed) rows->scope->cancel();
}

// The reader stops at its context's end, the writer does not know of it.
void cockroach_18101(bool fixed) {
  auto [context, cancel] = with_cancel(Context::background());
  Channel<bool> ready(6);
  go([ready, fixed, context = context] {
    for (int i = 0; i < 8; ++i) {
      bool over = false;
      if (fixed)
        select(on_send(ready, true), on_receive(context.done(), [&] { over = true; }));
      else
        ready.send(true);
      if (over) return;
    }
  });
  cancel();
}

// Sends before anybody receives, into a buffer that is full.
void cockroach_24808(bool fixed) {
  Channel<Unit> work(1), stopped;
  work.send({});
  auto receive = [work, stopped] {
    for (bool open = true; open;)
      select(on_receive(work), on_receive(stopped, [&] { open = false; }));
  };
  if (fixed) go(receive);
  work.send({});
  if (!fixed) go(receive);
  stopped.close();
}

// Waits for a stopper that belongs to nobody else.
void cockroach_25456(bool fixed) {
  Channel<Unit> quiesce;
  if (fixed) quiesce.close();
  go([quiesce] { quiesce.receive(); });
}

// The consumer has left and drained one row; two pushers come.
void cockroach_35073(bool fixed) {
  Channel<int> rows(16);
  for (int i = 0; i < 16; ++i) rows.send(i);
  for (int i = 0; i < 2; ++i)
    go([rows, fixed] {
      if (fixed) {
        rows.try_send(1);  // the consumer is closed: what does not fit is dropped
      } else {
        rows.send(1);
      }
    });
}

// Cancelling pushes an error to each receiver, also to one whose buffer is full.
void cockroach_35931(bool fixed) {
  std::vector<Channel<Unit>> receivers{Channel<Unit>(1), Channel<Unit>(1)};
  receivers[0].send({});
  go([receivers, fixed] {
    for (const Channel<Unit>& each : receivers)
      if (!fixed || each.size() == 0) each.send({});
  });
}

// A question to a node that has been stopped.
void etcd_6857(bool fixed) {
  Channel<Channel<int>> status;
  Channel<Unit> stop, done;
  go([=] {
    for (bool open = true; open;)
      select(on_receive(status, [](std::optional<Channel<int>> reply) { reply->send(1); }),
             on_receive(stop, [&] { open = false; }));
    done.close();
  });
  stop.send({});
  done.receive();
  Channel<int> reply;
  if (fixed)
    select(on_send(status, reply, [&] { reply.receive(); }), on_receive(done));
  else
    status.send(reply);
}

// A worker's result that nobody waits for any more.
void grpc_660(bool fixed) {
  Channel<bool> done(fixed ? 1 : 0), stop(1);
  stop.send(true);
  go([done] { done.send(true); });
  select(on_receive(stop));
}

// Closing the stream sends nothing to who reads it.
void grpc_1275(bool fixed) {
  Channel<Unit> received;
  Channel<Unit> done;
  go([=] {
    received.receive();
    done.close();
  });
  settle();
  if (fixed) received.close();
  Channel<Unit> timeout;
  timeout.close();
  select(on_receive(done), on_receive(timeout));
}

// The watcher ends without saying so.
void grpc_1424(bool fixed) {
  Channel<bool> addresses, done;
  go([=] {
    for ([[maybe_unused]] bool each : addresses) {
    }
    if (fixed) done.close();
  });
  go([=] { done.receive(); });
  addresses.close();
}

// The dial gave up, and nobody closes the connection that is being reset.
void grpc_862(bool fixed) {
  struct Connection {
    CancellableContext scope = with_cancel(Context::background());
  };
  auto connection = make_shared<Connection>();
  go([connection] {
    CancellableContext address = with_cancel(connection->scope.context);
    address.context.done().receive();
  });
  settle();
  if (fixed) connection->scope.cancel();
}

// The run loop ended with its context; an epoch's status comes after it.
void istio_17860(bool fixed) {
  auto [context, cancel] = with_cancel(Context::background());
  Channel<int> status(fixed ? 1 : 0);
  go([status, context = context] { select(on_receive(status), on_receive(context.done())); });
  settle();
  cancel();
  settle();
  go([status] { status.send(1); });
}

// A timer's channel is drained that has been read already.
void istio_18454(bool fixed) {
  Channel<Unit> timer(1), reset(1);
  timer.send({});
  go([=] {
    timer.receive();  // it fired
    reset.receive();
    if (!fixed) timer.receive();  // "if (!stop()) drain"
  });
  reset.send({});
}

// The request timed out, its function is done later.
void kubernetes_5316(bool fixed) {
  Channel<bool> result(fixed ? 1 : 0);
  Channel<Unit> timeout, go_on;
  go([=] {
    go_on.receive();
    result.send(true);
  });
  timeout.close();
  select(on_receive(result), on_receive(timeout));
  go_on.close();
}

// Stop() reports an error; run() ends the context before it hands the error on to nobody.
void kubernetes_25331(bool fixed) {
  struct Watch {
    CancellableContext scope = with_cancel(Context::background());
    Channel<bool> results;
    Channel<int> errors;
  };
  auto watch = make_shared<Watch>();
  go([watch, fixed] {
    bool failed = false;
    select(on_receive(watch->errors, [&] { failed = true; }),
           on_receive(watch->scope.context.done()));
    if (!failed) return;
    watch->scope.cancel();
    if (fixed)
      select(on_send(watch->results, true), on_receive(watch->scope.context.done()));
    else
      watch->results.send(true);
  });
  watch->errors.send(1);
}

// Initial events for a watcher whose reader has stopped.
void kubernetes_38669(bool fixed) {
  Channel<int> input, results(fixed ? 2 : 0);
  go([=] {
    for (int event : {1, 2}) results.send(event);
    while (input.receive()) {
    }
    results.close();
  });
  input.close();
}

// Waits for a channel that it will close itself, later.
void kubernetes_70277(bool fixed) {
  Channel<Unit> stop;
  Channel<Unit> ticks(1);
  ticks.send({});
  ticks.receive();
  if (fixed) stop.close();
  stop.receive();
  if (!fixed) stop.close();
}

// Progress is written to who has stopped reading, and the release waits for the writer.
void moby_21233(bool fixed) {
  Channel<int> progress(fixed ? 1 : 0);
  Channel<Unit> release, running;
  go([=] {
    progress.send(1);
    release.receive();
    running.close();
  });
  settle();
  release.close();
  running.receive();
}

// Waits inside the loop for as many as the loop has yet to start.
void moby_25384(bool fixed) {
  go([fixed] {
    sync::WaitGroup group;
    group.add(2);
    for (int i = 0; i < 2; ++i) {
      go([&group] { group.done(); });
      if (!fixed) group.wait();
    }
    group.wait();
  });
}

// The probe's result comes after the monitor was stopped.
void moby_33781(bool fixed) {
  Channel<bool> stop, results(fixed ? 1 : 0);
  go([=] {
    settle();
    go([results] { results.send(true); });
    select(on_receive(stop));
  });
  stop.send(true);
}

constexpr Program programs[] = {
    {"cockroach/2448", "two senders wait for each other to receive", 2, cockroach_2448},
    {"cockroach/10790", "receives what its senders gave up", 1, cockroach_10790},
    {"cockroach/13197", "context that only its waiter could end", 1, cockroach_13197},
    {"cockroach/13755", "context that only its waiter could end", 1, cockroach_13755},
    {"cockroach/18101", "sender whose receiver left with its context", 1, cockroach_18101},
    {"cockroach/24808", "sends before there is a receiver", 1, cockroach_24808},
    {"cockroach/25456", "channel that nobody closes", 1, cockroach_25456},
    {"cockroach/35073", "full channel whose receiver left", 2, cockroach_35073},
    {"cockroach/35931", "full channel whose receiver left", 1, cockroach_35931},
    {"etcd/6857", "question to who has stopped", 1, etcd_6857},
    {"grpc/660", "result that nobody waits for", 1, grpc_660},
    {"grpc/862", "context that only its waiter could end", 1, grpc_862},
    {"grpc/1275", "channel that nobody closes", 1, grpc_1275},
    {"grpc/1424", "channel that nobody closes", 1, grpc_1424},
    {"istio/17860", "result that nobody waits for", 1, istio_17860},
    {"istio/18454", "drains what is drained", 1, istio_18454},
    {"kubernetes/5316", "result that nobody waits for", 1, kubernetes_5316},
    {"kubernetes/25331", "result that nobody waits for", 1, kubernetes_25331},
    {"kubernetes/38669", "results that nobody reads", 1, kubernetes_38669},
    {"kubernetes/70277", "waits for what it does afterwards itself", 1, kubernetes_70277},
    {"moby/21233", "progress that nobody reads, and who waits for its writer", 2, moby_21233},
    {"moby/25384", "wait group waited for in the loop that fills it", 1, moby_25384},
    {"moby/33781", "result that nobody waits for", 1, moby_33781},
};

}  // namespace

std::span<const Program> channel_programs() { return programs; }

}  // namespace sluice::testing::goker
