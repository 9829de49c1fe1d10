// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/pprof_handler.h"

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/debug/goroutine_profile.h"
#include "sluice/debug/goroutine_text.h"
#include "sluice/debug/internal/trace_page.h"
#include "sluice/runtime/goroutines.h"

namespace sluice::debug {

namespace {

using http::Request;
using http::ResponseWriter;

constexpr std::string_view prefix = "/debug/pprof/";
constexpr std::string_view plain_text = "text/plain; charset=utf-8";

// Go's tool prints the text of an error that carries this field.
Result<void> refuse(ResponseWriter& response, int status, std::string_view text) {
  response.headers().set("X-Go-Pprof", "1");
  return response.text(status, text);
}

Result<void> index(ResponseWriter& response) {
  return response.reply(
      200, "text/html; charset=utf-8",
      "<!DOCTYPE html>\n<html><head><title>/debug/pprof/</title></head><body>\n"
      "<h1>/debug/pprof/</h1>\n<ul>\n"
      "<li><a href=\"goroutine?debug=2\">goroutine?debug=2</a>: every stack</li>\n"
      "<li><a href=\"goroutine?debug=1\">goroutine?debug=1</a>: equal stacks "
      "counted</li>\n"
      "<li><a href=\"goroutine\">goroutine</a>: for go tool pprof</li>\n"
      "<li><a href=\"trace?seconds=1\">trace?seconds=1</a>: what the scheduler does from now on, "
      "for Perfetto</li>\n"
      "<li><a href=\"cmdline\">cmdline</a>: the program's arguments</li>\n"
      "</ul>\n</body></html>\n");
}

Result<void> goroutine(Request& request, ResponseWriter& response) {
  std::string debug = request.query("debug").value_or("0");
  if (debug != "0" && debug != "1" && debug != "2")
    return refuse(response, 400, "debug must be 0, 1 or 2\n");
  if (request.query("seconds"))
    return refuse(response, 400, "seconds: a goroutine profile is of one moment only\n");
  runtime::GoroutineDump dump = runtime::capture_goroutines();
  response.headers().set("X-Content-Type-Options", "nosniff");
  if (debug == "0") {
    response.headers().set("Content-Disposition", "attachment; filename=\"goroutine\"");
    return response.reply(200, "application/octet-stream", goroutine_profile(dump));
  }
  response.headers().set("Content-Type", plain_text);
  Result<void> written;
  TextSink sink = [&](std::string_view piece) {
    written = response.write(piece);
    return written.has_value();
  };
  debug == "1" ? write_stack_counts(dump, sink) : write_stacks(dump, sink);
  return written;
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
  if (what == "trace") return internal::trace_page(request, response);
  if (what == "cmdline") return cmdline(response);
  return refuse(response, 404, "there is no such profile here: see /debug/pprof/\n");
}

}  // namespace

http::Handler pprof_handler() { return answer; }

}  // namespace sluice::debug
