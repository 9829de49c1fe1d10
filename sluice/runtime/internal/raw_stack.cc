// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/raw_stack.h"

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "sluice/runtime/internal/racy.h"
#include "sluice/runtime/internal/stack_walk.h"
#include "sluice/runtime/internal/unwind_table.h"

namespace sluice::runtime {

namespace {

constexpr size_t word_bytes = sizeof(uintptr_t);
// Frame records are aligned like the stack at a call.
constexpr uintptr_t record_align = 16;

// Code without a table: it is hoped to have a frame record, of the caller's frame pointer and the
// return address.
constexpr FrameRule record_rule{.cfa_base = FrameRule::Base::frame_pointer,
                                .cfa_offset = 2 * word_bytes,
                                .return_address_at = -intptr_t{word_bytes},
                                .frame_pointer_at = -intptr_t{2 * word_bytes}};

// Whether the call before that address may have been one of `function`: a direct call says whom it
// calls, if that is not an entry of the PLT, which jumps to another library.
bool may_call([[maybe_unused]] uintptr_t return_address, [[maybe_unused]] uintptr_t function) {
  if (!frame_rule(return_address - 1)) return false;  // no code of anybody
#if defined(__x86_64__)
  constexpr size_t call_bytes = 5;
  auto* call = reinterpret_cast<const unsigned char*>(return_address - call_bytes);
  if (*call != 0xe8) return true;
  int32_t distance;
  std::memcpy(&distance, call + 1, sizeof distance);
  uintptr_t target = return_address + static_cast<uintptr_t>(intptr_t{distance});
  if (target == function) return true;
  std::optional<FrameRule> rule = frame_rule(target);
  return rule && rule->function != target;  // the PLT is one entry of the table
#else
  return true;
#endif
}

SLUICE_RACY_READS size_t copy_words(uintptr_t from, StackBounds bounds, uintptr_t* to,
                                    size_t most) {
  size_t n = 0;
  for (; n < most && bounds.hold(from + n * word_bytes, word_bytes); ++n)
    to[n] = *reinterpret_cast<const volatile uintptr_t*>(from + n * word_bytes);
  return n;
}

}  // namespace

void RawStack::copy(const UnwindRegisters& registers, StackBounds bounds) {
  registers_ = registers;
  word_count_ = registers.sp % word_bytes == 0
                    ? copy_words(registers.sp, bounds, words_.data(), words_.size())
                    : 0;
}

// Page by page: what is copied ends at the first page that is not there.
void RawStack::copy_mapped(const UnwindRegisters& registers) {
  registers_ = registers;
  word_count_ = 0;
  if (registers.sp % word_bytes != 0) return;
  constexpr size_t page_bytes = 4096;  // or a part of one
  constexpr size_t pages = sizeof(words_) / page_bytes;
  iovec from[pages];
  uintptr_t at = registers.sp;
  for (iovec& page : from) {
    page = {reinterpret_cast<void*>(at), page_bytes - at % page_bytes};
    at += page.iov_len;
  }
  iovec to = {words_.data(), sizeof words_};
  int saved = errno;
  long copied = ::syscall(SYS_process_vm_readv, ::getpid(), &to, 1, from, pages, 0);
  errno = saved;
  if (copied > 0) word_count_ = static_cast<size_t>(copied) / word_bytes;
}

uintptr_t RawStack::word(uintptr_t address) const {
  uintptr_t offset = address - registers_.sp;
  if (address < registers_.sp || offset % word_bytes != 0) return 0;
  return offset / word_bytes < word_count_ ? words_[offset / word_bytes] : 0;
}

bool RawStack::leads_to_root(uintptr_t frame) const {
  for (;;) {
    uintptr_t next = word(frame);
    uintptr_t address = word(frame + word_bytes);
    if (is_root(address)) return true;
    if (next <= frame || address == 0) return false;
    frame = next;
  }
}

uintptr_t RawStack::find_record(uintptr_t sp, uintptr_t function) const {
  uintptr_t end = registers_.sp + word_count_ * word_bytes;
  uintptr_t at = (sp + record_align - 1) & ~(record_align - 1);
  for (; at < end; at += record_align) {
    if (!leads_to_root(at)) continue;
    uintptr_t address = word(at + word_bytes);
    if (function == 0 || is_root(address) || may_call(address, function)) return at;
  }
  return 0;
}

// From a frame to its caller. False: the way is lost.
bool RawStack::step(UnwindRegisters* registers, bool innermost) const {
  // Of a caller, the address after the call may be another function's already.
  uintptr_t place = innermost ? registers->pc : registers->pc - 1;
  FrameRule rule = frame_rule(place).value_or(record_rule);
  if (rule.cfa_base == FrameRule::Base::frame_pointer && registers->frame_pointer == 0)
    registers->frame_pointer = find_record(registers->sp, rule.function);
  uintptr_t base =
      rule.cfa_base == FrameRule::Base::frame_pointer ? registers->frame_pointer : registers->sp;
  uintptr_t cfa = base + static_cast<uintptr_t>(rule.cfa_offset);
  // A leaf that keeps its return address in the register may use no stack at all.
  if (base == 0 || cfa < registers->sp || (cfa == registers->sp && !innermost)) return false;
  auto at = [cfa](intptr_t offset) { return cfa + static_cast<uintptr_t>(offset); };
  uintptr_t pc =
      rule.return_address_at ? word(at(*rule.return_address_at)) : registers->return_address;
  if (rule.frame_pointer_at) registers->frame_pointer = word(at(*rule.frame_pointer_at));
  registers->return_address = 0;
  registers->sp = cfa;
  registers->pc = pc;
  return pc != 0;
}

void RawStack::unwind(Sample* sample) const {
  sample->started = true;
  sample->complete = false;
  sample->count = 0;
  if (word_count_ == 0) return;
  UnwindRegisters registers = registers_;
  sample->frames[sample->count++] = registers.pc + 1;
  for (bool innermost = true; step(&registers, innermost); innermost = false) {
    if (is_root(registers.pc)) {
      sample->complete = true;
      return;
    }
    if (sample->count == Sample::frames_max) return;
    sample->frames[sample->count++] = registers.pc;
  }
}

}  // namespace sluice::runtime
