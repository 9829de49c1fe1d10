// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/memory_map.h"

#include <gtest/gtest.h>

namespace sluice::runtime {
namespace {

using Kind = Mapping::Kind;

TEST(MemoryMap, ParsesTheKernelsLines) {
  struct Case {
    const char* line;
    Kind kind;
    const char* access;
  };
  for (const Case& each : {
           Case{"55d0c0a00000-55d0c0a21000 rw-p 00000000 00:00 0          [heap]", Kind::heap,
                "rw-p"},
           Case{"55d0c0a00000-55d0c0a21000 r-xp 00002000 fe:01 123    /usr/bin/a b", Kind::file,
                "r-xp"},
           Case{"55d0c0a00000-55d0c0a21000 rw-p 00000000 00:00 0 ", Kind::anonymous, "rw-p"},
           Case{"55d0c0a00000-55d0c0a21000 ---p 00000000 00:00 0", Kind::anonymous, "---p"},
           Case{"55d0c0a00000-55d0c0a21000 rw-p 00000000 00:00 0    [stack]", Kind::main_stack,
                "rw-p"},
           Case{"55d0c0a00000-55d0c0a21000 rw-p 00000000 00:00 0    [anon:pool]", Kind::anonymous,
                "rw-p"},
           Case{"55d0c0a00000-55d0c0a21000 rw-s 00000000 00:01 7    /dev/zero (deleted)",
                Kind::memory_file, "rw-s"},
           Case{"55d0c0a00000-55d0c0a21000 rw-s 00000000 00:01 7    /memfd:x (deleted)",
                Kind::memory_file, "rw-s"},
           Case{"55d0c0a00000-55d0c0a21000 rw-s 00000000 00:0f 9    anon_inode:[io_uring]",
                Kind::io_uring, "rw-s"},
           Case{"55d0c0a00000-55d0c0a21000 rw-s 00000000 00:06 9    /dev/nvidia0", Kind::special,
                "rw-s"},
           Case{"55d0c0a00000-55d0c0a21000 r--p 00000000 00:00 0    [vvar]", Kind::special, "r--p"},
       }) {
    Mapping mapping;
    ASSERT_TRUE(parse_mapping(each.line, &mapping)) << each.line;
    EXPECT_EQ(mapping.begin, 0x55d0c0a00000u);
    EXPECT_EQ(mapping.end, 0x55d0c0a21000u);
    EXPECT_EQ(mapping.kind, each.kind) << each.line;
    EXPECT_EQ(mapping.readable, each.access[0] == 'r');
    EXPECT_EQ(mapping.writable, each.access[1] == 'w');
    EXPECT_EQ(mapping.executable, each.access[2] == 'x');
    EXPECT_EQ(mapping.shared, each.access[3] == 's');
  }
  Mapping mapping;
  for (const char* line : {"", "x", "12", "12-", "12-34", "12-34 r", "12 34 rw-p 0 0 0"})
    EXPECT_FALSE(parse_mapping(line, &mapping)) << line;
}

TEST(MemoryMap, FindsThisProcess) {
  Scratch scratch;
  std::span<const Mapping> mappings = read_mappings(&scratch);
  ASSERT_FALSE(mappings.empty());
  static int variable = 1;
  int local = 2;
  int found = 0;
  uintptr_t last = 0;
  for (const Mapping& mapping : mappings) {
    EXPECT_GE(mapping.begin, last);
    last = mapping.end;
    for (const int* each : {&variable, &local}) {
      uintptr_t at = reinterpret_cast<uintptr_t>(each);
      if (at < mapping.begin || at >= mapping.end) continue;
      EXPECT_TRUE(mapping.readable && mapping.writable);
      ++found;
    }
  }
  EXPECT_EQ(found, 2);
}

TEST(MemoryMap, TellsPagesThatWereTouched) {
  Scratch scratch;
  constexpr size_t pages = 2000;
  std::span<char> memory = scratch.array<char>(pages * page_bytes);
  for (size_t page : {3, 4, 700, 1999}) memory[page * page_bytes] = 1;
  uintptr_t begin = reinterpret_cast<uintptr_t>(memory.data());
  uintptr_t end = begin + memory.size();
  PagesInUse in_use;
  size_t last = 0;
  std::vector<size_t> seen;
  for (PagesInUse::Run run = in_use.next(begin, end); run.begin < end;
       run = in_use.next(run.end, end)) {
    for (uintptr_t at = run.begin; at < run.end; at += page_bytes)
      seen.push_back((at - begin) / page_bytes);
    ASSERT_GT(run.end, begin + last);
    last = run.end - begin;
  }
  EXPECT_EQ(seen, (std::vector<size_t>{3, 4, 700, 1999}));
}

TEST(MemoryMap, ReadsOverAHole) {
  Scratch scratch;
  std::span<char> memory = scratch.array<char>(3 * page_bytes);
  memory[0] = 'a';
  memory[2 * page_bytes] = 'b';
  uintptr_t begin = reinterpret_cast<uintptr_t>(memory.data());
  ASSERT_EQ(::mprotect(memory.data() + page_bytes, page_bytes, PROT_NONE), 0);
  ::munmap(memory.data() + page_bytes, page_bytes);
  SafeReader reader;
  ASSERT_TRUE(reader.ok());
  char buffer[16] = {};
  EXPECT_EQ(reader.read(begin, buffer), sizeof buffer);
  EXPECT_EQ(buffer[0], 'a');
  EXPECT_EQ(reader.read(begin + page_bytes, buffer), 0u);
  EXPECT_EQ(reader.read(begin + 2 * page_bytes, buffer), sizeof buffer);
  EXPECT_EQ(buffer[0], 'b');
}

}  // namespace
}  // namespace sluice::runtime
