// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/environment.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdlib>
#include <string>

#include "sluice/runtime/internal/cpu_limit.h"
#include "sluice/runtime/internal/memory_limit.h"
#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/internal/stack_pool.h"
#include "sluice/runtime/memory.h"

namespace sluice::runtime {

namespace {

constexpr int procs_most = 1024;
// Instrumented frames are two to four times as large.
constexpr size_t default_stack_bytes =
    size_t{256 << 10} * (sanitizer::address || sanitizer::thread ? 4 : 1);
constexpr size_t default_goroutines_max = 4'000'000;

constexpr uint32_t default_pool_gc_percent = 100;  // as GOGC
constexpr uint32_t pool_gc_percent_max = 10'000;

// The variable's text; empty: it is not set, or to nothing.
std::string_view variable(const char* name) {
  const char* text = std::getenv(name);
  return text != nullptr ? text : std::string_view();
}

Result<uint64_t> choose_memory_limit(uint64_t wished) {
  constexpr char name[] = "SLUICE_MEMLIMIT";
  if (wished != 0) return wished;
  std::string_view text = variable(name);
  return text.empty() ? Result<uint64_t>(0) : parse_memory_bytes(name, text);
}

Result<uint32_t> choose_pool_gc(uint32_t wished) {
  constexpr char name[] = "SLUICE_POOLGC";
  if (wished != 0) return wished;
  std::string_view text = variable(name);
  if (text.empty()) return default_pool_gc_percent;
  if (text == "off") return MemoryNotice::unlimited;
  Result<uint64_t> percent = parse_number(name, text, 1, pool_gc_percent_max);
  if (percent.has_value()) return static_cast<uint32_t>(*percent);
  return Error(percent.error().code(), std::string(percent.error().message()) + ", or off");
}

Result<int> choose_procs(int wished) {
  if (wished < 0 || wished > procs_most)
    return Error(Code::invalid_argument, "RuntimeOptions::max_procs=" + std::to_string(wished) +
                                             ": must be 1 to " + std::to_string(procs_most));
  if (wished != 0) return wished;
  if (std::string_view text = variable("SLUICE_MAXPROCS"); !text.empty())
    return static_cast<int>(SLUICE_TRY(parse_number("SLUICE_MAXPROCS", text, 1, procs_most)));
  return std::min(available_cpus(), procs_most);
}

}  // namespace

Result<uint64_t> parse_number(std::string_view name, std::string_view text, uint64_t min,
                              uint64_t max) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min || value > max)
    return Error(Code::invalid_argument, std::string(name) + "=" + std::string(text) +
                                             ": must be a whole number from " +
                                             std::to_string(min) + " to " + std::to_string(max));
  return value;
}

Result<RuntimeOptions> complete_options(RuntimeOptions options) {
  options.max_procs = SLUICE_TRY(choose_procs(options.max_procs));
  if (options.stack_bytes == 0) options.stack_bytes = default_stack_bytes;
  if (!std::has_single_bit(options.stack_bytes) ||
      options.stack_bytes < StackPool::stack_bytes_min ||
      options.stack_bytes > StackPool::slab_bytes)
    return Error(Code::invalid_argument,
                 "RuntimeOptions::stack_bytes=" + std::to_string(options.stack_bytes) +
                     ": must be a power of two from 32 KiB to 256 MiB");
  if (options.threads_max == 0) options.threads_max = 10'000;
  if (options.threads_max < options.max_procs + 1)
    return Error(Code::invalid_argument,
                 "RuntimeOptions::threads_max=" + std::to_string(options.threads_max) +
                     ": must be more than max_procs");
  if (options.goroutines_max == 0) options.goroutines_max = default_goroutines_max;
  options.memory_limit_bytes = SLUICE_TRY(choose_memory_limit(options.memory_limit_bytes));
  options.pool_gc_percent = SLUICE_TRY(choose_pool_gc(options.pool_gc_percent));
  options.stack_guard = SLUICE_TRY(resolve(options.stack_guard));
  return options;
}

}  // namespace sluice::runtime
