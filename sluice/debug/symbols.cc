// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/symbols.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <unwind.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include <backtrace.h>

#include "sluice/base/hidden_pointer.h"
#include "sluice/debug/internal/function_name.h"
#include "sluice/debug/internal/stack_lines.h"

// LeakSanitizer's, where it is linked.
extern "C" [[gnu::weak]] void __lsan_ignore_object(const void* object);

namespace sluice::debug {

namespace {

// libbacktrace reports what it lacks; here that only means that less is known.
void ignore_error(void*, const char*, int) {}

// A name as the linker knows it, or as the source says it already.
std::string readable(const char* symbol) {
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(symbol, nullptr, nullptr, &status), &std::free);
  return internal::short_function_name(status == 0 ? demangled.get() : symbol);
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

// Of a function that libbacktrace has no name for, what the loader and the unwinder know: the
// symbol, which the kernel's vDSO has, or "libsqlite3.so.0+0x1234": where the function begins in
// the file. Otherwise the address itself.
std::string name_by_file(uintptr_t address, Symbol* symbol) {
  void* place = reinterpret_cast<void*>(address);
  Dl_info file = {};
  if (::dladdr(place, &file) != 0 && file.dli_sname != nullptr) {
    *symbol = {file.dli_sname, reinterpret_cast<uintptr_t>(file.dli_saddr)};
    return file.dli_sname;
  }
  // Takes a return address, as we have been given.
  void* entry = ::_Unwind_FindEnclosingFunction(static_cast<char*>(place) + 1);
  if (entry == nullptr || file.dli_fname == nullptr) return internal::hex(address + 1);
  symbol->entry = reinterpret_cast<uintptr_t>(entry);
  std::string_view path = file.dli_fname;
  return std::string(path.substr(path.rfind('/') + 1)) + '+' +
         internal::hex(symbol->entry - reinterpret_cast<uintptr_t>(file.dli_fbase));
}

class Symbolizer {
 public:
  static Symbolizer& instance() {
    // Hidden from the search for leaks: it is large, and full of what its strings left over.
    static HiddenPointer<Symbolizer> one = [] {
      auto* made = new Symbolizer;
      if (__lsan_ignore_object != nullptr) __lsan_ignore_object(made);
      return made;
    }();
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
    std::string unnamed;
    if (symbol.name == nullptr) unnamed = name_by_file(address, &symbol);
    location.entry = symbol.entry;
    if (location.frames.empty()) location.frames.emplace_back();
    for (SourceFrame& frame : location.frames) frame.inlined = &frame != &location.frames.back();
    // The symbol is that of the function that is there; those inlined into it have no other name
    // than that which the debug information gave them.
    std::string& outermost = location.frames.back().function;
    if (symbol.name != nullptr) outermost = readable(symbol.name);
    for (SourceFrame& frame : location.frames)
      if (frame.function.empty()) frame.function = unnamed;
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
