// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "sluice/http/handler.h"

namespace sluice::debug {

// Go's net/http/pprof, as far as it exists here. For a router:
//
//   router.get("/debug/pprof/{what...}", debug::pprof_handler());
//
//   /debug/pprof/                    what there is
//   /debug/pprof/goroutine?debug=2   every goroutine's stack, as text
//   /debug/pprof/goroutine?debug=1   equal stacks counted, as text
//   /debug/pprof/goroutine           the same for `go tool pprof` (debug=0)
//   /debug/pprof/goroutineleak       those that nothing can ever wake, also with debug=1 and
// debug=2;
//                                    the texts then name suspects: see goroutine_leaks.h. Compared
//                                    with the first such question, or with `seconds=N` ago
//   /debug/pprof/block               where goroutines waited for others; debug=1 as text
//   /debug/pprof/mutex               who kept others waiting for locks; debug=1 as text
//   /debug/pprof/block?seconds=10    what comes within 10 seconds (1 to 3600); mutex likewise
//   /debug/pprof/heap                what holds memory that came from `new`, for `go tool pprof`
//   /debug/pprof/allocs              the same profile, of what was allocated first
//   /debug/pprof/heap?debug=1        either as text; with seconds=N, what changes from now on
//   /debug/pprof/profile?seconds=30  what uses the CPU from now on, for `go tool pprof`
//   /debug/pprof/threadcreate        what made the scheduler create threads; debug=1 as text
//   /debug/pprof/trace?seconds=1     what the scheduler does from now on, for ui.perfetto.dev
//   /debug/pprof/cmdline             the program's arguments, separated by NUL
//
// A CPU profile lasts 30 seconds, or 1 to 3600 as asked; it ends sooner, with what it has, when the
// request's context ends. A process has one at a time: a second one is answered with 500, as in Go.
// A parameter that is not understood is answered with 400 and what would be, anything else with
// 404. It tells whoever may ask a good deal about the program, and a text of 100,000 goroutines is
// some 50 MB long: put it on a listener for operators, not on the public one.
http::Handler pprof_handler();

}  // namespace sluice::debug
