// SPDX-License-Identifier: Apache-2.0

#include <charconv>
#include <concepts>
#include <string_view>

#include "sluice/runtime/metrics.h"

namespace sluice {

namespace {

// Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats/.
// Everything that is written here needs no escaping.
class Exposition {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    add("# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n");
  }
  // A sample of the family; `suffix` of its name and `label`, as name="value", may be empty.
  template <class Value>
  void sample(std::string_view suffix, std::string_view label, Value value) {
    add(name_, suffix);
    if (!label.empty()) add("{", label, "}");
    add(" ", value, "\n");
  }
  template <class Value>
  void counter(std::string_view name, std::string_view help, Value value) {
    family(name, "counter", help);
    sample("", "", value);
  }
  template <class Value>
  void gauge(std::string_view name, std::string_view help, Value value) {
    family(name, "gauge", help);
    sample("", "", value);
  }
  std::string take() { return std::move(text_); }

 private:
  template <class... Parts>
  void add(Parts... parts) {
    (add_one(parts), ...);
  }
  void add_one(std::string_view part) { text_ += part; }
  void add_one(const char* part) { text_ += part; }
  template <class Number>
    requires std::integral<Number> || std::floating_point<Number>
  void add_one(Number number) {
    char digits[32];
    text_.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
  }

  std::string text_;
  std::string_view name_;
};

double seconds(Duration duration) { return static_cast<double>(duration.count()) / 1e9; }

std::string label(std::string_view name, std::string_view value) {
  return std::string(name) + "=\"" + std::string(value) + "\"";
}

std::string number_text(double value) {
  char digits[32];
  return std::string(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void add_goroutines(Exposition& out, const RuntimeMetrics& metrics) {
  out.family("sluice_goroutines", "gauge", "Goroutines alive, by what they do.");
  out.sample("", label("state", "runnable"), metrics.goroutines_runnable);
  out.sample("", label("state", "running"), metrics.goroutines_running);
  out.sample("", label("state", "without_processor"), metrics.goroutines_without_processor);
  out.sample("", label("state", "waiting"), metrics.goroutines_waiting);
  out.counter("sluice_goroutines_started_total", "Goroutines started.", metrics.goroutines_started);
  out.counter("sluice_goroutines_ended_total", "Goroutines that have ended.",
              metrics.goroutines_ended);
}

void add_processors(Exposition& out, const RuntimeMetrics& metrics) {
  out.gauge("sluice_processors", "Goroutines that may run at once.", metrics.processors);
  out.gauge("sluice_processors_idle", "Processors that nobody uses.", metrics.processors_idle);
  out.family("sluice_run_queue_length", "gauge",
             "Goroutines that wait for their turn, by processor; global: for any of them.");
  out.sample("", label("queue", "global"), metrics.global_run_queue_length);
  for (size_t i = 0; i < metrics.run_queue_lengths.size(); ++i)
    out.sample("", label("queue", std::to_string(i)), metrics.run_queue_lengths[i]);
  out.counter("sluice_context_switches_total", "Turns that goroutines had.",
              metrics.context_switches);
  out.counter("sluice_steals_total", "Times an idle processor took work from another's queue.",
              metrics.steals);
  out.counter("sluice_processor_handoffs_total",
              "Times a processor went to another thread because its goroutine blocked or looped.",
              metrics.handoffs);
  out.counter("sluice_processor_retakes_total",
              "Those of the handoffs that the scheduler had to enforce.", metrics.retakes);
}

void add_threads(Exposition& out, const RuntimeMetrics& metrics) {
  out.gauge("sluice_threads", "Threads of the scheduler.", metrics.threads);
  out.gauge("sluice_threads_idle", "Threads that sleep until there is work.", metrics.threads_idle);
  out.gauge("sluice_threads_spinning", "Threads that look for work.", metrics.threads_spinning);
  out.counter("sluice_netpoll_wakeups_total",
              "Times the thread that waits for descriptors and timers woke up.",
              metrics.netpoll_wakeups);
  out.counter("sluice_netpoll_readied_total", "Goroutines whose descriptors became ready.",
              metrics.netpoll_readied);
  out.gauge("sluice_netpoll_descriptors", "Descriptors registered.", metrics.netpoll_descriptors);
  out.gauge("sluice_timers_armed", "Timers that will fire.", metrics.timers_armed);
}

void add_stacks(Exposition& out, const RuntimeMetrics& metrics) {
  struct {
    std::string_view state;
    uint64_t count;
  } kinds[] = {{"in_use", metrics.stacks_in_use},
               {"cached", metrics.stacks_cached},
               {"released", metrics.stacks_released}};
  out.family("sluice_stacks", "gauge",
             "Stacks of goroutines; cached ones may hold pages, released ones do not.");
  for (auto& kind : kinds) out.sample("", label("state", kind.state), kind.count);
  out.family("sluice_stack_reserved_bytes", "gauge", "Address space of the stacks.");
  for (auto& kind : kinds)
    out.sample("", label("state", kind.state), kind.count * metrics.stack_bytes);
}

void add_memory(Exposition& out, const MemoryStats& memory) {
  if (memory.limit_bytes != 0)
    out.gauge("sluice_memory_limit_bytes", "What the process should use of memory at most.",
              memory.limit_bytes);
  out.gauge("sluice_memory_used_bytes", "Memory in use, as it counts against the limit.",
            memory.used_bytes);
  out.gauge("sluice_memory_pressure", "How near the limit is: 0 none, 1 moderate, 2 critical.",
            static_cast<int>(memory.pressure));
  out.family("sluice_memory_pressure_total", "counter", "Times that a level was entered.");
  out.sample("", label("level", "moderate"), memory.times_moderate);
  out.sample("", label("level", "critical"), memory.times_critical);
  out.counter("sluice_memory_drains_total",
              "Times that pools, stack caches and the allocator gave back what was idle.",
              memory.drains);
  out.counter("sluice_memory_drain_seconds_total", "Time that this took.",
              seconds(memory.drain_time));
  out.family("sluice_stacks_released_total", "counter",
             "Idle stacks whose pages went back to the system, by what for.");
  out.sample("", label("for", "pressure"), memory.stacks_drained);
  out.sample("", label("for", "poolgc"), memory.stacks_trimmed);
  out.counter("sluice_requests_shed_total",
              "Requests that servers refused because memory was short.", memory.requests_shed);
}

void add_latency(Exposition& out, const WaitHistogram& histogram) {
  out.family("sluice_scheduling_latency_seconds", "histogram",
             "From runnable to running, estimated from a sample.");
  uint64_t cumulative = 0;
  for (const WaitHistogram::Bucket& bucket : histogram.buckets) {
    cumulative += bucket.count;
    out.sample("_bucket", label("le", number_text(seconds(bucket.longest))), cumulative);
  }
  // Not `histogram.count`: all figures of a histogram must agree.
  cumulative += histogram.longer;
  out.sample("_bucket", label("le", "+Inf"), cumulative);
  out.sample("_sum", "", seconds(histogram.sum));
  out.sample("_count", "", cumulative);
}

}  // namespace

std::string to_prometheus_text(const RuntimeMetrics& metrics) {
  Exposition out;
  add_goroutines(out, metrics);
  add_processors(out, metrics);
  add_threads(out, metrics);
  add_stacks(out, metrics);
  add_memory(out, metrics.memory);
  add_latency(out, metrics.scheduling_latency);
  return out.take();
}

}  // namespace sluice
