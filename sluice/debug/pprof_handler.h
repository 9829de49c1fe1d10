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
//   /debug/pprof/trace?seconds=1     what the scheduler does from now on, for ui.perfetto.dev
//   /debug/pprof/cmdline             the program's arguments, separated by NUL
//
// A parameter that is not understood is answered with 400 and what would be, anything else with
// 404. It tells whoever may ask a good deal about the program, and a text of 100,000 goroutines is
// some 50 MB long: put it on a listener for operators, not on the public one.
http::Handler pprof_handler();

}  // namespace sluice::debug
