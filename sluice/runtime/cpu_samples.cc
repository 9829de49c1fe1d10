// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/cpu_samples.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <compare>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "sluice/base/assert.h"
#include "sluice/base/error.h"
#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/internal/cpu_sampler.h"
#include "sluice/runtime/internal/cpu_signal.h"
#include "sluice/runtime/internal/cpu_timers.h"

namespace sluice::runtime {

namespace {

using std::chrono::steady_clock;

// So many shots of one CPU are waiting when they are taken in.
constexpr int periods_per_round = 5;
// Threads that are not the runtime's are looked for so often, unless that takes more than one
// percent of the time.
constexpr auto scan_interval = std::chrono::milliseconds(100);
constexpr int scan_share = 100;

// What makes two shots the same sample.
struct Place {
  std::vector<uintptr_t> frames;
  std::string label;
  uintptr_t created_by = 0;

  auto operator<=>(const Place&) const = default;
};

// A run of the sampler, from start to stop: the thread that arms timers and takes in shots.
class CpuSampler {
 public:
  explicit CpuSampler(Duration period)
      : period_(period), timers_(static_cast<uint64_t>(period.count())) {}

  Result<void> start() {
    SLUICE_TRY(begin_shots());
    timers_.scan();
    int error = ::pthread_create(
        &thread_, nullptr,
        [](void* self) -> void* {
          static_cast<CpuSampler*>(self)->run();
          return nullptr;
        },
        this);
    if (error == 0) return {};
    timers_.stop();
    end_shots();
    return errno_error(error, "pthread_create for the CPU profile");
  }

  CpuSamples stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    ::pthread_join(thread_, nullptr);
    CpuSamples result;
    result.period = period_;
    result.begin = began_at_;
    result.duration = steady_clock::now() - began_;
    result.lost = lost_shots();
    result.threads_refused = refused_;
    for (const auto& [place, count] : counts_) add(place, count, &result);
    return result;
  }

  void arm(int tid) { timers_.arm(tid); }
  bool samples(int tid) const { return timers_.has(tid); }

 private:
  void run() {
    allow_the_runtimes_signals();
    wakes_nobody();
    auto next_scan = steady_clock::now() + scan_interval;
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, period_ * periods_per_round, [this] { return stopping_; })) {
      lock.unlock();
      take_in();
      if (auto before = steady_clock::now(); before >= next_scan) {
        timers_.scan();
        auto after = steady_clock::now();
        next_scan =
            after + std::max<steady_clock::duration>(scan_interval, (after - before) * scan_share);
      }
      lock.lock();
    }
    refused_ = timers_.refused();
    timers_.stop();
    end_shots();
    take_in();
  }

  // Handlers of the user's signals run elsewhere; what the sampler uses is to be seen.
  static void allow_the_runtimes_signals() {
    sigset_t others;
    ::sigfillset(&others);
    ::sigdelset(&others, SIGPROF);
    ::sigdelset(&others, SIGURG);
    ::pthread_sigmask(SIG_SETMASK, &others, nullptr);
  }

  void take_in() {
    visit_shots(
        [](const CpuShot& shot, void* self) { static_cast<CpuSampler*>(self)->count(shot); }, this);
  }

  void count(const CpuShot& shot) {
    shot.raw.unwind(&unwound_);
    Place place;
    place.frames.assign(unwound_.frames, unwound_.frames + unwound_.count);
    if (place.frames.empty()) place.frames.push_back(shot.raw.pc() + 1);  // its stack was not there
    if (shot.sample.id != 0) {
      place.label = shot.sample.label;
      place.created_by = reinterpret_cast<uintptr_t>(shot.sample.created_by);
    }
    counts_[std::move(place)] += shot.weight;
  }

  static void add(const Place& place, uint64_t count, CpuSamples* result) {
    CpuSample& sample = result->samples.emplace_back();
    sample.count = count;
    place.label.copy(sample.label, sizeof sample.label - 1);
    sample.created_by = place.created_by;
    sample.frames_begin = result->addresses.size();
    sample.frames_count = place.frames.size();
    result->addresses.insert(result->addresses.end(), place.frames.begin(), place.frames.end());
  }

  const Duration period_;
  const std::chrono::system_clock::time_point began_at_ = std::chrono::system_clock::now();
  const steady_clock::time_point began_ = steady_clock::now();
  CpuTimers timers_;
  pthread_t thread_ = {};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  // The thread's; to be read when it has ended.
  Sample unwound_;
  std::map<Place, uint64_t> counts_;
  uint64_t refused_ = 0;
};

// Never destroyed: threads look at them while the program ends.
struct Current {
  std::mutex mutex;  // guards sampler
  std::unique_ptr<CpuSampler> sampler;
  std::atomic<bool> exists{false};  // a hint without the guard
};
Current& current_sampler() {
  static Current* one = new Current;
  return *one;
}

}  // namespace

void sample_this_thread() {
  Current& current = current_sampler();
  // Who starts a sampler first says so, then looks for threads, and this one is there to be found.
  if (!current.exists.load(std::memory_order_seq_cst)) return;
  std::lock_guard lock(current.mutex);
  if (current.sampler != nullptr) current.sampler->arm(static_cast<int>(::syscall(SYS_gettid)));
}

bool is_sampled(int tid) {
  Current& current = current_sampler();
  std::lock_guard lock(current.mutex);
  return current.sampler != nullptr && current.sampler->samples(tid);
}

Result<void> start_cpu_samples(Duration period) {
  SLUICE_ASSERT(period > Duration::zero(), "a sampling period is not zero");
  Current& current = current_sampler();
  std::lock_guard lock(current.mutex);
  if (current.sampler != nullptr)
    return Error(Code::failed_precondition, "cpu profiling already in use");
  current.exists.store(true, std::memory_order_seq_cst);
  auto sampler = std::make_unique<CpuSampler>(period);
  Result<void> started = sampler->start();
  if (started.has_value())
    current.sampler = std::move(sampler);
  else
    current.exists.store(false, std::memory_order_seq_cst);
  return started;
}

uint64_t cpu_samples_so_far() { return attempted_shots(); }

CpuSamples stop_cpu_samples() {
  Current& current = current_sampler();
  std::lock_guard lock(current.mutex);
  SLUICE_ASSERT(current.sampler != nullptr, "stop_cpu_samples() without a start");
  current.exists.store(false, std::memory_order_seq_cst);
  CpuSamples samples = current.sampler->stop();
  current.sampler.reset();
  return samples;
}

}  // namespace sluice::runtime
