// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/leaks.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <new>
#include <optional>

#include "sluice/base/defer.h"
#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/internal/kernel_words.h"
#include "sluice/runtime/internal/observe.h"
#include "sluice/runtime/internal/pools.h"
#include "sluice/runtime/internal/reach.h"
#include "sluice/runtime/internal/sanitizer.h"

namespace sluice::runtime {

namespace {

constexpr bool possible = !sanitizer::address && !sanitizer::thread;
// Somebody is in malloc, or a thread just begins or ends: that is over soon.
constexpr int busy_max = 20;
// All others wait while one is waited for.
constexpr int slow_max = 2;
constexpr Duration patience = std::chrono::seconds(1);
constexpr const char* in_malloc = "a thread is in malloc";
constexpr size_t words_max = 1 << 20;                  // that the kernel keeps
constexpr size_t shared_bytes_max = size_t{64} << 20;  // of memory shared with other processes

// What the copy of the process writes for the original, in memory that both have.
struct Verdict {
  bool ended;
  bool blocks_told_apart;
  char failure[128];
  uint64_t bytes;
  size_t count;
};

// Where the thread that calls has its own stack; empty if it is a goroutine, or not known.
StackBounds bounds_of_thread() {
  if (goroutine_id() != 0) return {};
  return own_thread_stack();
}

// Where glibc's allocator is: its public functions and what is around them, which are of the same
// object file. Empty: there is no such library.
StackBounds find_malloc_code() {
  constexpr uintptr_t around = 64 << 10;
  void* libc = ::dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
  if (libc == nullptr) return {};
  StackBounds code{UINTPTR_MAX, 0};
  for (const char* name : {"malloc", "free", "calloc", "realloc", "memalign", "aligned_alloc",
                           "malloc_trim", "malloc_usable_size", "mallopt", "mallinfo2"})
    if (uintptr_t at = reinterpret_cast<uintptr_t>(::dlsym(libc, name)); at != 0)
      code = {std::min(code.low, at), std::max(code.high, at)};
  ::dlclose(libc);
  return code.high == 0 ? StackBounds{} : StackBounds{code.low - around, code.high + around};
}
StackBounds malloc_code() {
  static const StackBounds code = find_malloc_code();
  return code;
}

// A moment of the process, in a child that the kernel made of it.
class Copy {
 public:
  Copy(uintptr_t caller_sp, StackBounds caller_bounds, uintptr_t cache_key) {
    input_.caller_sp = caller_sp;
    input_.caller_bounds = caller_bounds;
    input_.cache_key = cache_key;
  }

  // Null: it can tell. Else why not, and whether to try again.
  const char* make(bool wait_for_malloc, bool* again);

  void tell(LeakProof* proof) const;

 private:
  bool prepare();
  const char* note_outside();
  const char* note_shared(const Mapping& mapping);
  bool handles_another_signal() const;
  bool malloc_is_busy() const;
  [[noreturn]] void search(int parent);
  const char* wait_for(int child);

  ReachInput input_;
  Scratch scratch_;
  Verdict* verdict_ = nullptr;
  std::span<uint64_t> ids_;
  std::span<uintptr_t> words_;
  size_t words_count_ = 0;
  Duration stopped_{};
};

bool Copy::prepare() {
  verdict_ = static_cast<Verdict*>(scratch_.get(sizeof(Verdict), MAP_SHARED));
  ids_ = scratch_.array<uint64_t>(stack_pool->carved(), MAP_SHARED);
  words_ = scratch_.array<uintptr_t>(words_max + shared_bytes_max / sizeof(uintptr_t));
  return verdict_ != nullptr && !ids_.empty() && !words_.empty();
}

// Words of a mapping that a child would see go on changing. All of it: the kernel does not say
// which pages somebody else has written. Null: noted.
const char* Copy::note_shared(const Mapping& mapping) {
  SafeReader reader;
  if (!reader.ok()) return "/proc/self/mem cannot be opened";
  for (uintptr_t at = mapping.begin; at < mapping.end;) {
    std::span<uintptr_t> rest = words_.subspan(words_count_);
    if (rest.size_bytes() < mapping.end - at)
      return "there is too much memory that other processes share";
    size_t n = reader.read(at, {reinterpret_cast<char*>(rest.data()), mapping.end - at});
    if (n == 0) return "memory that other processes share cannot be read";
    words_count_ += n / sizeof(uintptr_t);
    at += n;
  }
  return nullptr;
}

// With the world stopped: what a child would not have. Null: noted.
const char* Copy::note_outside() {
  if (const char* failure = read_kernel_words(words_.first(words_max), &words_count_))
    return failure;
  if (words_count_ > words_max) return "epoll keeps too many pointers";
  Scratch scratch;
  std::span<const Mapping> mappings = read_mappings(&scratch);
  if (mappings.empty()) return "/proc/self/maps cannot be read";
  for (const Mapping& mapping : mappings) {
    if (mapping.kind == Mapping::Kind::io_uring) return "an io_uring may hold any pointer";
    bool memory = mapping.kind == Mapping::Kind::memory_file;
    bool own = std::any_of(scratch_.parts().begin(), scratch_.parts().end(), [&](auto part) {
      return reinterpret_cast<uintptr_t>(part.data()) == mapping.begin;
    });
    if (!memory || !mapping.shared || !mapping.readable || own) continue;
    if (const char* failure = note_shared(mapping); failure != nullptr) return failure;
  }
  input_.tell_blocks_apart = !malloc_is_busy();
  return nullptr;
}

// On its alternate stack a thread was in another handler already: where its own stack is, nobody
// says.
bool Copy::handles_another_signal() const {
  return std::any_of(input_.threads.begin(), input_.threads.end(), [](const auto& thread) {
    if (thread.state.load(std::memory_order_relaxed) != StoppedThread::stopped) return false;
    uintptr_t low = reinterpret_cast<uintptr_t>(thread.context->uc_stack.ss_sp);
    return registers_of(*thread.context).sp - low < thread.context->uc_stack.ss_size;
  });
}

// Whether a thread is where malloc is, and not in a system call.
bool Copy::malloc_is_busy() const {
  StackBounds code = malloc_code();
  if (code.high == 0) return true;
  return std::any_of(input_.threads.begin(), input_.threads.end(), [&](const auto& thread) {
    if (thread.state.load(std::memory_order_relaxed) != StoppedThread::stopped) return false;
    return code.hold(registers_of(*thread.context).pc, 1);
  });
}

// The child. Nothing but the search runs in it, and it must not outlive a mistake there.
void Copy::search(int parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::syscall(SYS_exit_group, 0);
  ::syscall(SYS_close_range, 0u, ~0u, 0u);  // others are to see the end of what the program closes
  ::signal(SIGSEGV, SIG_DFL);
  ::signal(SIGBUS, SIG_DFL);
  rlimit limit{0, 0};
  ::setrlimit(RLIMIT_CORE, &limit);
  limit = {600, 600};
  ::setrlimit(RLIMIT_CPU, &limit);
  Scratch scratch;
  void* room = scratch.get(sizeof(Reach));
  if (room != nullptr) {
    input_.own = scratch_.parts();
    Reach& reach = *new (room) Reach(input_, &scratch);
    const char* failure = reach.search();
    if (failure != nullptr) std::strncpy(verdict_->failure, failure, sizeof verdict_->failure - 1);
    verdict_->count = failure == nullptr ? reach.unreached(ids_) : 0;
    verdict_->bytes = reach.bytes_read();
    verdict_->blocks_told_apart = input_.tell_blocks_apart;
    verdict_->ended = true;
  }
  ::syscall(SYS_exit_group, 0);
  __builtin_unreachable();
}

const char* Copy::wait_for(int child) {
  int status;
  while (::waitpid(child, &status, __WALL) < 0)
    if (errno != EINTR) return "the copy of the process was taken away";
  if (!verdict_->ended) return "the copy of the process was killed";
  return verdict_->failure[0] != 0 ? verdict_->failure : nullptr;
}

const char* Copy::make(bool wait_for_malloc, bool* again) {
  *again = false;
  if (!prepare()) return "there is no address space for it";
  int child = -1;
  {
    std::lock_guard observed(sched.observed);  // the Ps stay
    if (!sched.started.load(std::memory_order_acquire)) return "there is no Runtime";
    RecordsHeld records;
    input_.record_slabs = records.slabs();
    input_.records_per_slab = records.per_slab();
    input_.records_in_last = records.in_last();
    Instant start = now();
    StoppedWorld world;
    if (!world.stop()) {
      *again = world.may_try_again();
      return world.failure();
    }
    input_.threads = world.threads();
    if (handles_another_signal()) {
      *again = true;
      return "a thread is in a signal handler";
    }
    if (const char* failure = note_outside(); failure != nullptr) return failure;
    input_.words = words_.first(words_count_);
    if (!input_.tell_blocks_apart && wait_for_malloc) {
      *again = true;
      return in_malloc;
    }
    // Not fork(): its handlers, and malloc's locks, are of threads that stand still. Without
    // signals: the program's handlers are not to run twice.
    const int parent = ::getpid();
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    child = static_cast<int>(::syscall(SYS_clone, 0, nullptr, nullptr, nullptr, nullptr));
    if (child == 0) search(parent);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    world.resume();
    stopped_ = now() - start;
  }
  if (child < 0) return "the process cannot be copied (fork)";
  return wait_for(child);
}

void Copy::tell(LeakProof* proof) const {
  std::span<const uint64_t> found = ids_.first(std::min(verdict_->count, ids_.size()));
  proof->incomplete.clear();
  proof->goroutines.assign(found.begin(), found.end());
  std::sort(proof->goroutines.begin(), proof->goroutines.end());
  proof->blocks_told_apart = verdict_->blocks_told_apart;
  proof->bytes_searched = verdict_->bytes;
  proof->stopped = stopped_;
}

// What needs no search.
void add_those_on_nothing(LeakProof* proof) {
  for (const Goroutine& goroutine : capture_goroutines().goroutines)
    if (goroutine.state == GoroutineState::waiting && never_wakes(goroutine.wait_reason))
      proof->goroutines.push_back(goroutine.id);
}

// Its own frame ends where that of prove_leaks() begins.
[[gnu::noinline]] void prove_from_here(LeakProof* proof) {
  uintptr_t caller_sp = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  StackBounds bounds = bounds_of_thread();
  static_cast<void>(malloc_code());  // now, and not while others stand still
  uintptr_t cache_key = possible ? HeapBlocks::ask_cache_key() : 0;
  std::unique_lock lock(one_observer());
  proof->incomplete = possible ? "there is no Runtime" : "not under a sanitizer";
  bool again = possible && sched.started.load(std::memory_order_acquire);
  Instant deadline = now() + patience;
  for (int busy = 0, slow = 0; again && slow < slow_max && now() < deadline;) {
    Scratch scratch;
    void* room = scratch.get(sizeof(Copy));
    if (room == nullptr) break;
    Copy& copy = *new (room) Copy(caller_sp, bounds, cache_key);
    Defer end{[&] { copy.~Copy(); }};
    const char* failure = copy.make(busy < busy_max, &again);
    if (failure == nullptr) return copy.tell(proof);
    proof->incomplete = failure;  // which may be in the copy's memory
    busy += failure == in_malloc;
    slow += failure == StoppedWorld::did_not_stop;
    ::sched_yield();
  }
  lock.unlock();
  add_those_on_nothing(proof);
}

}  // namespace

// The caller's registers go onto its stack, of which all from here on is searched.
LeakProof prove_leaks() {
  __builtin_unwind_init();
  LeakProof proof;
  prove_from_here(&proof);
  return proof;
}

}  // namespace sluice::runtime
