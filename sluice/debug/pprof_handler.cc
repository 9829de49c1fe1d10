// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/pprof_handler.h"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "sluice/chan/select.h"
#include "sluice/context/context.h"
#include "sluice/debug/cpu_profile.h"
#include "sluice/debug/delay_profile.h"
#include "sluice/debug/goroutine_leaks.h"
#include "sluice/debug/goroutine_profile.h"
#include "sluice/debug/goroutine_text.h"
#include "sluice/debug/heap_profile.h"
#include "sluice/debug/internal/trace_page.h"
#include "sluice/debug/thread_profile.h"
#include "sluice/heap/profile.h"
#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/wait_profile.h"

namespace sluice::debug {

namespace {

using http::Request;
using http::ResponseWriter;

constexpr std::string_view prefix = "/debug/pprof/";
constexpr std::chrono::seconds seconds_max{3600};
constexpr std::string_view bad_seconds = "seconds must be a whole number from 1 to 3600\n";
constexpr std::string_view plain_text = "text/plain; charset=utf-8";

// Go's tool prints the text of an error that carries this field.
Result<void> refuse(ResponseWriter& response, int status, std::string_view text) {
  response.headers().set("X-Go-Pprof", "1");
  return response.text(status, text);
}

struct Page {
  std::string_view target;
  std::string_view text;
};
constexpr Page pages[] = {
    {"allocs", "who allocates, for go tool pprof"},
    {"allocs?debug=1", "the same as text"},
    {"block", "where goroutines waited for others, for go tool pprof"},
    {"block?debug=1", "the same as text"},
    {"cmdline", "the program's arguments"},
    {"goroutine", "every goroutine's stack, for go tool pprof"},
    {"goroutine?debug=1", "equal stacks counted"},
    {"goroutine?debug=2", "every stack"},
    {"goroutineleak",
     "goroutines that nothing can wake, for go tool pprof; stops the others for "
     "some milliseconds"},
    {"goroutineleak?debug=2", "their stacks, and suspects"},
    {"heap", "who holds memory, for go tool pprof"},
    {"heap?debug=1", "the same as text"},
    {"mutex", "who kept others waiting for locks, for go tool pprof"},
    {"mutex?debug=1", "the same as text"},
    {"profile?seconds=30", "what uses the CPU from now on, for go tool pprof"},
    {"threadcreate", "stacks that made the scheduler create threads, for go tool pprof"},
    {"threadcreate?debug=1", "the same as text"},
    {"trace?seconds=1", "what the scheduler does from now on, for Perfetto"},
};

Result<void> index(ResponseWriter& response) {
  std::string html =
      "<!DOCTYPE html>\n<html><head><title>/debug/pprof/</title></head><body>\n"
      "<h1>/debug/pprof/</h1>\n<ul>\n";
  for (const Page& page : pages)
    html += "<li><a href=\"" + std::string(page.target) + "\">" + std::string(page.target) +
            "</a>: " + std::string(page.text) + "</li>\n";
  html += "</ul>\n</body></html>\n";
  return response.reply(200, "text/html; charset=utf-8", html);
}

// For go tool pprof, which saves it under that name.
Result<void> send_profile(ResponseWriter& response, std::string_view name,
                          const std::string& profile) {
  response.headers().set("X-Content-Type-Options", "nosniff");
  response.headers().set("Content-Disposition",
                         "attachment; filename=\"" + std::string(name) + "\"");
  return response.reply(200, "application/octet-stream", profile);
}

// What `debug` says: the profile, counts, or stacks. Empty: something else.
std::string_view form_of(Request& request) {
  std::string debug = request.query("debug").value_or("0");
  for (std::string_view form : {"0", "1", "2"})
    if (debug == form) return form;
  return {};
}
constexpr std::string_view bad_form = "debug must be 0, 1 or 2\n";

// Sends what `write` gives to its sink.
template <class Write>
Result<void> stream(ResponseWriter& response, Write write) {
  response.headers().set("X-Content-Type-Options", "nosniff");
  response.headers().set("Content-Type", plain_text);
  Result<void> written;
  write([&](std::string_view piece) {
    written = response.write(piece);
    return written.has_value();
  });
  return written;
}

Result<void> goroutine(Request& request, ResponseWriter& response) {
  std::string_view form = form_of(request);
  if (form.empty()) return refuse(response, 400, bad_form);
  if (request.query("seconds"))
    return refuse(response, 400, "seconds: a goroutine profile is of one moment only\n");
  runtime::GoroutineDump dump = runtime::capture_goroutines();
  if (form == "0") return send_profile(response, "goroutine", goroutine_profile(dump));
  return stream(response, [&](const TextSink& sink) {
    form == "1" ? write_stack_counts(dump, sink) : write_stacks(dump, sink);
  });
}

// Nothing: not a number of seconds that a profile may last.
std::optional<std::chrono::seconds> parse_seconds(std::string_view text) {
  int seconds = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 1 ||
      std::chrono::seconds(seconds) > seconds_max)
    return std::nullopt;
  return std::chrono::seconds(seconds);
}

// A client that goes away, and a server that ends, end the profile.
Result<void> profile(Request& request, ResponseWriter& response) {
  std::optional<std::chrono::seconds> seconds =
      parse_seconds(request.query("seconds").value_or("30"));
  if (!seconds) return refuse(response, 400, bad_seconds);
  if (request.method() == http::Method::head) return send_profile(response, "profile", "");
  Result<std::string> profile = cpu_profile(request.context(), *seconds);
  if (!profile.has_value())
    return refuse(response, 500,
                  "Could not enable CPU profiling: " + profile.error().to_string() + "\n");
  return send_profile(response, "profile", *profile);
}

// False: nobody waits for the answer any more.
bool wait_for(const Context& context, Duration duration) {
  bool passed = false;
  select(on_receive(context.done()), on_timeout(duration, [&] { passed = true; }));
  return passed;
}

// The baseline that questions without `seconds` compare with: the first one's moment.
class FirstBaseline {
 public:
  // Null: there was none until now.
  const LeakBaseline* get() {
    std::lock_guard lock(mutex_);
    if (baseline_) return &*baseline_;
    baseline_ = LeakBaseline::take();
    return nullptr;
  }

 private:
  std::mutex mutex_;  // held for the time of a capture
  std::optional<LeakBaseline> baseline_;
};
FirstBaseline& first_baseline() {
  static FirstBaseline* baseline = new FirstBaseline;
  return *baseline;
}

Result<void> goroutine_leak(Request& request, ResponseWriter& response) {
  std::string_view form = form_of(request);
  if (form.empty()) return refuse(response, 400, bad_form);
  LeakReport report;
  if (std::optional<std::string> text = request.query("seconds")) {
    std::optional<std::chrono::seconds> seconds = parse_seconds(*text);
    if (!seconds) return refuse(response, 400, bad_seconds);
    LeakBaseline baseline = LeakBaseline::take();
    Context context = request.context();
    if (!wait_for(context, *seconds)) return *context.err();
    report = find_leaks(&baseline, Duration::zero());
  } else {
    report = find_leaks(first_baseline().get());
  }
  if (form == "0") return send_profile(response, "goroutineleak", leak_profile(report));
  return stream(response, [&](const TextSink& sink) {
    form == "1" ? write_leak_counts(report, sink) : write_leaks(report, sink);
  });
}

// A profile of what is counted since the start, or within the next seconds if the request says so:
// `read` says what was counted so far; `encode` and `print` give what came between two readings.
template <class Read, class Encode, class Print>
Result<void> counted(Request& request, ResponseWriter& response, std::string_view name, Read read,
                     Encode encode, Print print) {
  std::string debug = request.query("debug").value_or("0");
  if (debug != "0" && debug != "1") return refuse(response, 400, "debug must be 0 or 1\n");
  decltype(read()) before;
  if (std::optional<std::string> text = request.query("seconds")) {
    std::optional<std::chrono::seconds> seconds = parse_seconds(*text);
    if (!seconds) return refuse(response, 400, bad_seconds);
    before = read();
    Context context = request.context();
    if (!wait_for(context, *seconds)) return *context.err();
  }
  auto profile = difference(read(), before);
  if (debug == "0") return send_profile(response, name, encode(profile));
  response.headers().set("X-Content-Type-Options", "nosniff");
  return response.reply(200, plain_text, print(profile));
}

Result<void> delays(Request& request, ResponseWriter& response, std::string_view name,
                    std::string_view title, runtime::DelayProfile (*read)()) {
  return counted(request, response, name, read, delay_profile,
                 [title](const auto& profile) { return delay_text(title, profile); });
}

Result<void> memory(Request& request, ResponseWriter& response, std::string_view name,
                    HeapFocus focus) {
  if (!heap::is_profiled())
    return refuse(response, 501, "allocations are not seen: operator new is another one's\n");
  return counted(
      request, response, name, heap::capture_heap_profile,
      [focus](const auto& profile) { return heap_profile(profile, focus); }, heap_text);
}

Result<void> threads(Request& request, ResponseWriter& response) {
  std::string debug = request.query("debug").value_or("0");
  if (debug == "0") return send_profile(response, "threadcreate", thread_profile());
  if (debug != "1") return refuse(response, 400, "debug must be 0 or 1\n");
  response.headers().set("X-Content-Type-Options", "nosniff");
  return response.reply(200, plain_text, thread_profile_text());
}

// As the kernel keeps them, without the last NUL, as Go does.
Result<void> cmdline(ResponseWriter& response) {
  std::unique_ptr<FILE, decltype(&std::fclose)> file(std::fopen("/proc/self/cmdline", "re"),
                                                     &std::fclose);
  if (file == nullptr) return refuse(response, 500, "/proc/self/cmdline cannot be read\n");
  std::string text;
  for (int c; (c = std::getc(file.get())) != EOF;) text += static_cast<char>(c);
  if (text.ends_with('\0')) text.pop_back();
  response.headers().set("X-Content-Type-Options", "nosniff");
  return response.reply(200, plain_text, text);
}

Result<void> answer(Request& request, ResponseWriter& response) {
  std::string_view path = request.path();
  if (!path.starts_with(prefix)) return refuse(response, 404, "see /debug/pprof/\n");
  std::string_view what = path.substr(prefix.size());
  if (request.method() != http::Method::get && request.method() != http::Method::head) {
    response.headers().set("Allow", "GET, HEAD");
    return refuse(response, 405, "GET or HEAD\n");
  }
  if (what.empty()) return index(response);
  if (what == "goroutine") return goroutine(request, response);
  if (what == "goroutineleak") return goroutine_leak(request, response);
  if (what == "block") return delays(request, response, what, "contention", runtime::block_profile);
  if (what == "mutex") return delays(request, response, what, "mutex", runtime::mutex_profile);
  if (what == "heap") return memory(request, response, what, HeapFocus::inuse);
  if (what == "allocs") return memory(request, response, what, HeapFocus::alloc);
  if (what == "profile") return profile(request, response);
  if (what == "threadcreate") return threads(request, response);
  if (what == "trace") return internal::trace_page(request, response);
  if (what == "cmdline") return cmdline(response);
  return refuse(response, 404, "there is no such profile here: see /debug/pprof/\n");
}

}  // namespace

http::Handler pprof_handler() { return answer; }

}  // namespace sluice::debug
