// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

#include "sluice/base/function.h"
#include "sluice/runtime/goroutines.h"

namespace sluice::debug {

// Where text goes, piece by piece. False: it can take no more, and nothing more is written.
using TextSink = Function<bool(std::string_view)>;

// Each goroutine with its stack, the calling one first, in the form of Go's
// /debug/pprof/goroutine?debug=2 (runtime/traceback.go), so that tools that read Go's text read it:
//
//   goroutine 18 [chan receive, 3 minutes labels:{"name": "worker"}]:
//   app::take(...)
//       src/app.cc:12 +0x2b
//   created by app::main in goroutine 7
//       src/app.cc:40 +0x11
//
// Minutes and labels only where there are any; "(leaked)" behind the state of one that is known to
// be. Arguments are not shown, hence "(...)". As in Go, an
// inlined call has no offset, and the scheduler's own frames are left out. Labels stand where Go
// 1.27 puts them (golang/go issue 76349), with everything but printable ASCII escaped. A goroutine
// that has not begun shows only who created it.
// Returns false if the sink did.
bool write_stacks(const runtime::GoroutineDump& dump, const TextSink& sink);

// Goroutines with equal stacks and labels as one entry, the most frequent first, in the form of
// debug=1 (runtime/pprof): a count, the return addresses, then one line for each of them.
bool write_stack_counts(const runtime::GoroutineDump& dump, const TextSink& sink,
                        std::string_view profile = "goroutine");

// One of them, as write_stacks() has it.
std::string stack_text(const runtime::GoroutineDump& dump, const runtime::Goroutine& goroutine);

// write_stacks() of a fresh capture, as one string.
std::string goroutine_stacks();

}  // namespace sluice::debug
