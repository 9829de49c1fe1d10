// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/unwind_table.h"

#include <cstddef>
#include <cstring>

// libgcc's, by which it unwinds exceptions; declared in none of its installed headers.
struct dwarf_eh_bases {
  void* text;
  void* data;
  void* function;
};
extern "C" const void* _Unwind_Find_FDE(void* pc, dwarf_eh_bases* bases);

namespace sluice::runtime {

namespace {

// DWARF's register numbers (System V ABI, x86-64 3.6.2; AADWARF64 4.1).
#if defined(__x86_64__)
constexpr uint64_t frame_register = 6, stack_register = 7, return_register = 16;
#else
constexpr uint64_t frame_register = 29, stack_register = 31, return_register = 30;
#endif

class Reader {
 public:
  Reader(const unsigned char* at, const unsigned char* end) : at_(at), end_(end) {}

  bool done() const { return at_ >= end_; }
  const unsigned char* at() const { return at_; }
  void skip(uint64_t bytes) { at_ = bytes < left() ? at_ + bytes : end_; }

  template <class T>
  T fixed() {
    T value{};
    if (left() >= sizeof value) std::memcpy(&value, at_, sizeof value);
    skip(sizeof value);
    return value;
  }
  uint64_t uleb() {
    uint64_t value = 0;
    for (unsigned shift = 0; !done(); shift += 7) {
      unsigned char byte = *at_++;
      if (shift < 64) value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) break;
    }
    return value;
  }
  int64_t sleb() {
    uint64_t value = 0;
    for (unsigned shift = 0; !done();) {
      unsigned char byte = *at_++;
      if (shift < 64) value |= uint64_t{byte & 0x7fu} << shift;
      shift += 7;
      if (byte >= 0x80) continue;
      if ((byte & 0x40) != 0 && shift < 64) value |= ~uint64_t{0} << shift;
      break;
    }
    return static_cast<int64_t>(value);
  }

 private:
  size_t left() const { return static_cast<size_t>(end_ - at_); }

  const unsigned char* at_;
  const unsigned char* end_;
};

// Bytes of a pointer in that encoding (DW_EH_PE_*); 0: another one.
size_t pointer_bytes(unsigned char encoding) {
  switch (encoding & 7) {
    case 0:
    case 4:
      return 8;
    case 2:
      return 2;
    case 3:
      return 4;
    default:
      return 0;
  }
}

// An entry of the table behind its length: null if it has the 64-bit form.
Reader entry_at(const unsigned char* at) {
  uint32_t length;
  std::memcpy(&length, at, sizeof length);
  if (length == UINT32_MAX) length = 0;
  return {at + sizeof length, at + sizeof length + length};
}

// What a CIE says for all of its FDEs.
struct Common {
  uint64_t code_factor = 1;
  int64_t data_factor = 1;
  unsigned char pointer_encoding = 0;
  bool augmented = false;
};

// Leaves `cie` at its instructions. False: not of a form that we know.
bool read_common(Reader& cie, Common* common) {
  cie.skip(4);  // its id
  unsigned char version = cie.fixed<unsigned char>();
  if (version != 1 && version != 3) return false;
  const char* augmentation = reinterpret_cast<const char*>(cie.at());
  cie.skip(std::strlen(augmentation) + 1);
  common->code_factor = cie.uleb();
  common->data_factor = cie.sleb();
  uint64_t return_column = version == 1 ? cie.fixed<unsigned char>() : cie.uleb();
  if (return_column != return_register) return false;
  if (*augmentation == 0) return true;
  if (*augmentation != 'z') return false;
  common->augmented = true;
  uint64_t bytes = cie.uleb();
  Reader data = cie;
  cie.skip(bytes);
  for (const char* c = augmentation + 1; *c != 0; ++c) {
    if (*c == 'R') common->pointer_encoding = data.fixed<unsigned char>();
    if (*c == 'L') data.skip(1);
    if (*c == 'P') data.skip(pointer_bytes(data.fixed<unsigned char>()));
  }
  return true;
}

// Executes the table's instructions up to an address.
class Machine {
 public:
  Machine(const Common& common, uintptr_t location) : common_(common), location_(location) {}

  // False: an instruction that is not known, or an expression where a number is needed.
  bool run(Reader code, uintptr_t until) {
    while (!code.done() && !past_) {
      unsigned char byte = code.fixed<unsigned char>();
      uint64_t low = byte & 0x3f;
      bool known = true;
      switch (byte & 0xc0) {
        case 0x40:  // advance_loc
          advance(low, until);
          break;
        case 0x80:  // offset
          saved(low, static_cast<int64_t>(code.uleb()));
          break;
        case 0xc0:  // restore
          restore(low);
          break;
        default:
          known = extended(low, code, until);
      }
      if (!known) return false;
    }
    return true;
  }

  void begin_function() { initial_ = rule_; }
  std::optional<FrameRule> rule() const {
    if (cfa_register_ != stack_register && cfa_register_ != frame_register) return std::nullopt;
    FrameRule rule = rule_;
    rule.cfa_base = cfa_register_ == stack_register ? FrameRule::Base::stack_pointer
                                                    : FrameRule::Base::frame_pointer;
    return rule;
  }

 private:
  void advance(uint64_t steps, uintptr_t until) {
    location_ += steps * common_.code_factor;
    past_ = location_ > until;
  }
  std::optional<intptr_t>* slot(uint64_t number) {
    if (number == return_register) return &rule_.return_address_at;
    return number == frame_register ? &rule_.frame_pointer_at : nullptr;
  }
  void saved(uint64_t number, int64_t factored) {
    if (auto* at = slot(number)) *at = factored * common_.data_factor;
  }
  void forget(uint64_t number) {
    if (auto* at = slot(number)) at->reset();
  }
  void restore(uint64_t number) {
    if (number == return_register) rule_.return_address_at = initial_.return_address_at;
    if (number == frame_register) rule_.frame_pointer_at = initial_.frame_pointer_at;
  }
  void set_cfa(uint64_t number, int64_t offset) {
    cfa_register_ = number;
    rule_.cfa_offset = offset;
  }

  bool extended(uint64_t operation, Reader& code, uintptr_t until);

  struct Remembered {
    FrameRule rule;
    uint64_t cfa_register;
  };
  static constexpr size_t depth_max = 8;

  const Common& common_;
  uintptr_t location_;
  bool past_ = false;
  FrameRule rule_;
  FrameRule initial_;
  uint64_t cfa_register_ = UINT64_MAX;
  Remembered remembered_[depth_max];
  size_t depth_ = 0;
};

// DW_CFA_*, by their numbers (DWARF 5 7.24).
bool Machine::extended(uint64_t operation, Reader& code, uintptr_t until) {
  uint64_t number;
  switch (operation) {
    case 0x00:  // nop
      return true;
    case 0x02:  // advance_loc1, 2, 4
      return advance(code.fixed<uint8_t>(), until), true;
    case 0x03:
      return advance(code.fixed<uint16_t>(), until), true;
    case 0x04:
      return advance(code.fixed<uint32_t>(), until), true;
    case 0x05:  // offset_extended
      number = code.uleb();
      return saved(number, static_cast<int64_t>(code.uleb())), true;
    case 0x11:  // offset_extended_sf
      number = code.uleb();
      return saved(number, code.sleb()), true;
    case 0x06:  // restore_extended
      return restore(code.uleb()), true;
    case 0x07:  // undefined
    case 0x08:  // same_value
      return forget(code.uleb()), true;
    case 0x0a:  // remember_state
      if (depth_ == depth_max) return false;
      remembered_[depth_++] = {rule_, cfa_register_};
      return true;
    case 0x0b:  // restore_state
      if (depth_ == 0) return false;
      --depth_;
      rule_ = remembered_[depth_].rule;
      cfa_register_ = remembered_[depth_].cfa_register;
      return true;
    case 0x0c:  // def_cfa
      number = code.uleb();
      return set_cfa(number, static_cast<int64_t>(code.uleb())), true;
    case 0x12:  // def_cfa_sf
      number = code.uleb();
      return set_cfa(number, code.sleb() * common_.data_factor), true;
    case 0x0d:  // def_cfa_register
      return set_cfa(code.uleb(), rule_.cfa_offset), true;
    case 0x0e:  // def_cfa_offset
      return set_cfa(cfa_register_, static_cast<int64_t>(code.uleb())), true;
    case 0x13:  // def_cfa_offset_sf
      return set_cfa(cfa_register_, code.sleb() * common_.data_factor), true;
    case 0x2e:  // GNU_args_size
      return code.uleb(), true;
    case 0x10:  // expression: of a register that matters here, it would be missed
      number = code.uleb();
      code.skip(code.uleb());
      return slot(number) == nullptr;
    case 0x2d:  // AARCH64_negate_ra_state
      return true;
    default:
      return false;
  }
}

}  // namespace

std::optional<FrameRule> frame_rule(uintptr_t pc) {
  dwarf_eh_bases bases{};
  auto* found =
      static_cast<const unsigned char*>(::_Unwind_Find_FDE(reinterpret_cast<void*>(pc), &bases));
  if (found == nullptr) return std::nullopt;
  Reader fde = entry_at(found);
  const unsigned char* from = fde.at();
  Reader cie = entry_at(from - fde.fixed<int32_t>());
  Common common;
  if (!read_common(cie, &common)) return std::nullopt;
  fde.skip(2 * pointer_bytes(common.pointer_encoding));
  if (common.augmented) fde.skip(fde.uleb());
  Machine machine(common, reinterpret_cast<uintptr_t>(bases.function));
  if (!machine.run(cie, pc)) return std::nullopt;
  machine.begin_function();
  if (!machine.run(fde, pc)) return std::nullopt;
  std::optional<FrameRule> rule = machine.rule();
  if (rule) rule->function = reinterpret_cast<uintptr_t>(bases.function);
  return rule;
}

}  // namespace sluice::runtime
