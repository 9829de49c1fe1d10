// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/symbols.h"

#include <cxxabi.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <unordered_map>

#include <backtrace.h>

#include "sluice/debug/internal/function_name.h"
#include "sluice/debug/internal/stack_lines.h"

namespace sluice::debug {

namespace {

// libbacktrace reports what it lacks; here that only means that less is known.
void ignore_error(void*, const char*, int) {}

// A name as the linker knows it, or as the source says it already.
std::string readable(const char* symbol) {
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(symbol, nullptr, nullptr, &status), &std::free);
  return status == 0 ? internal::short_function_name(demangled.get()) : std::string(symbol);
}

int add_frame(void* location, uintptr_t, const char* file, int line, const char* function) {
  if (file == nullptr && function == nullptr) return 0;
  static_cast<CodeLocation*>(location)->frames.push_back(
      {.function = function != nullptr ? readable(function) : "",
       .file = file != nullptr ? file : "",
       .line = line});
  return 0;
}

struct Symbol {
  const char* name = nullptr;
  uintptr_t entry = 0;
};
void set_symbol(void* symbol, uintptr_t, const char* name, uintptr_t entry, uintptr_t) {
  *static_cast<Symbol*>(symbol) = {name, entry};
}

class Symbolizer {
 public:
  static Symbolizer& instance() {
    static Symbolizer* one = new Symbolizer;
    return *one;
  }

  // Under the lock: a pthread mutex, which its holder does not keep across a park.
  const CodeLocation& locate(uintptr_t return_address) {
    std::lock_guard lock(mutex_);
    auto [at, fresh] = known_.try_emplace(return_address);
    if (fresh) at->second = look_up(return_address - 1);
    return at->second;
  }

 private:
  CodeLocation look_up(uintptr_t address) {
    CodeLocation location;
    Symbol symbol;
    if (state_ != nullptr) {
      ::backtrace_pcinfo(state_, address, add_frame, ignore_error, &location);
      ::backtrace_syminfo(state_, address, set_symbol, ignore_error, &symbol);
    }
    location.entry = symbol.entry;
    if (location.frames.empty()) location.frames.emplace_back();
    for (SourceFrame& frame : location.frames) frame.inlined = &frame != &location.frames.back();
    // The symbol is that of the function that is there; those inlined into it have no other name
    // than that which the debug information gave them.
    std::string& outermost = location.frames.back().function;
    if (symbol.name != nullptr) outermost = readable(symbol.name);
    for (SourceFrame& frame : location.frames)
      if (frame.function.empty()) frame.function = internal::hex(address + 1);
    return location;
  }

  std::mutex mutex_;
  backtrace_state* state_ = ::backtrace_create_state(nullptr, 1, ignore_error, nullptr);
  std::unordered_map<uintptr_t, CodeLocation> known_;  // references to its values stay good
};

}  // namespace

const CodeLocation& locate(uintptr_t return_address) {
  return Symbolizer::instance().locate(return_address);
}

}  // namespace sluice::debug
