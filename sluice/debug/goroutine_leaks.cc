// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/goroutine_leaks.h"

#include <algorithm>
#include <chrono>

#include "sluice/context/waiting_funcs.h"
#include "sluice/debug/goroutine_profile.h"
#include "sluice/debug/internal/stack_groups.h"
#include "sluice/debug/internal/stack_lines.h"
#include "sluice/debug/symbols.h"
#include "sluice/runtime/leaks.h"

namespace sluice::debug {

namespace {

using internal::StackGroup;
using runtime::Goroutine;
using runtime::GoroutineDump;
using runtime::GoroutineState;
using Site = std::pair<uintptr_t, uintptr_t>;

// Where it waits: the innermost call that is not the scheduler's.
uintptr_t place_of(const GoroutineDump& dump, const Goroutine& goroutine) {
  std::vector<internal::StackLine> lines = internal::lines_of(dump.frames(goroutine));
  return lines.empty() ? 0 : lines.front().address;
}

// Calls `visit(site, goroutine)` for all that are parked. Each different stack is looked up once.
template <class Visit>
void visit_parked(const GoroutineDump& dump, Visit visit) {
  std::map<std::vector<uintptr_t>, uintptr_t> places;
  for (const Goroutine& goroutine : dump.goroutines) {
    if (goroutine.state != GoroutineState::waiting) continue;
    std::span<const uintptr_t> frames = dump.frames(goroutine);
    auto [at, fresh] = places.try_emplace({frames.begin(), frames.end()}, 0);
    if (fresh) at->second = place_of(dump, goroutine);
    visit(Site{goroutine.created_by, at->second}, goroutine);
  }
}

GoroutineDump proved_of(const LeakReport& report) {
  GoroutineDump dump;
  dump.addresses = report.dump.addresses;
  for (const Goroutine& goroutine : report.dump.goroutines)
    if (goroutine.leaked) dump.goroutines.push_back(goroutine);
  return dump;
}

std::string seconds(Duration duration) {
  auto count = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  return std::to_string(count) + (count == 1 ? " second" : " seconds");
}

std::string counted(size_t count, std::string_view what) {
  std::string text = std::to_string(count) + ' ';
  text += what;
  if (count != 1) text += 's';
  return text;
}

std::string growth(const LeakReport& report, size_t grown) {
  if (!report.has_baseline) return "";
  return ", " + std::to_string(grown) + " more than " + seconds(report.since_baseline) + " ago";
}

std::string summary(const LeakReport& report) {
  std::string text = "# proved to be leaked: " + counted(report.proved, "goroutine");
  if (!report.incomplete.empty())
    text += ", of those only that wait for nothing (" + report.incomplete + ")";
  return text + '\n';
}

std::string suspect_text(const LeakReport& report, const LeakSuspect& suspect) {
  return "\n# suspected: " + counted(suspect.count, "goroutine") + " of this kind" +
         growth(report, suspect.grown) + ", the longest wait " + seconds(suspect.longest->waiting) +
         '\n' + stack_text(report.dump, *suspect.longest);
}

std::string funcs_text(const LeakReport& report, const LeakReport::Funcs& funcs) {
  const CodeLocation& creator = locate(funcs.created_by);
  const SourceFrame& frame = creator.frames.front();
  return "\n# suspected: " + counted(funcs.count, "function") +
         " given to after_func() that neither ran nor " + (funcs.count == 1 ? "was" : "were") +
         " stopped" + growth(report, funcs.grown) + "\n# given by " + frame.function + "\n#\t" +
         (frame.file.empty() ? "?" : frame.file) + ':' + std::to_string(frame.line) + '\n';
}

bool write_suspects(const LeakReport& report, const TextSink& sink) {
  for (const LeakSuspect& suspect : report.suspects)
    if (!sink(suspect_text(report, suspect))) return false;
  for (const LeakReport::Funcs& funcs : report.funcs)
    if (!sink(funcs_text(report, funcs))) return false;
  return true;
}

void find_suspects(const LeakBaseline* baseline, Duration older_than, LeakReport* report) {
  struct Kind {
    LeakSuspect suspect;
    bool old = false;
  };
  std::map<Site, Kind> kinds;
  visit_parked(report->dump, [&](Site site, const Goroutine& goroutine) {
    if (goroutine.leaked) return;
    Kind& kind = kinds[site];
    ++kind.suspect.count;
    if (kind.suspect.longest == nullptr || goroutine.waiting > kind.suspect.longest->waiting)
      kind.suspect.longest = &goroutine;
  });
  for (auto& [site, kind] : kinds) {
    size_t before = baseline != nullptr ? baseline->parked(site.first, site.second) : 0;
    kind.suspect.grown = kind.suspect.count > before ? kind.suspect.count - before : 0;
    if (kind.suspect.grown != 0 && kind.suspect.longest->waiting >= older_than)
      report->suspects.push_back(kind.suspect);
  }
  std::sort(report->suspects.begin(), report->suspects.end(),
            [](const LeakSuspect& a, const LeakSuspect& b) {
              if (a.grown != b.grown) return a.grown > b.grown;
              return a.longest->waiting > b.longest->waiting;
            });
}

void find_funcs(const LeakBaseline* baseline, LeakReport* report) {
  std::map<uintptr_t, size_t> counts;
  for (const WaitingFunc& func : waiting_funcs()) ++counts[func.created_by];
  for (auto [created_by, count] : counts) {
    size_t before = baseline != nullptr ? baseline->funcs(created_by) : 0;
    if (count > before) report->funcs.push_back({created_by, count, count - before});
  }
  std::sort(report->funcs.begin(), report->funcs.end(),
            [](const auto& a, const auto& b) { return a.grown > b.grown; });
}

}  // namespace

LeakBaseline LeakBaseline::take() {
  LeakBaseline baseline;
  baseline.taken_ = now();
  visit_parked(runtime::capture_goroutines(),
               [&](Site site, const Goroutine&) { ++baseline.parked_[site]; });
  for (const WaitingFunc& func : waiting_funcs()) ++baseline.funcs_[func.created_by];
  return baseline;
}

size_t LeakBaseline::parked(uintptr_t created_by, uintptr_t place) const {
  auto at = parked_.find({created_by, place});
  return at == parked_.end() ? 0 : at->second;
}

size_t LeakBaseline::funcs(uintptr_t created_by) const {
  auto at = funcs_.find(created_by);
  return at == funcs_.end() ? 0 : at->second;
}

LeakReport find_leaks(const LeakBaseline* baseline, Duration older_than) {
  LeakReport report;
  runtime::LeakProof proof = runtime::prove_leaks();
  report.incomplete = std::move(proof.incomplete);
  report.stopped = proof.stopped;
  report.has_baseline = baseline != nullptr;
  if (baseline != nullptr) report.since_baseline = now() - baseline->taken();
  report.dump = runtime::capture_goroutines();
  for (Goroutine& goroutine : report.dump.goroutines) {
    goroutine.leaked =
        std::binary_search(proof.goroutines.begin(), proof.goroutines.end(), goroutine.id);
    report.proved += goroutine.leaked;
  }
  find_suspects(baseline, older_than, &report);
  find_funcs(baseline, &report);
  return report;
}

bool write_leaks(const LeakReport& report, const TextSink& sink) {
  return sink(summary(report) + '\n') && write_stacks(proved_of(report), sink) &&
         write_suspects(report, sink);
}

bool write_leak_counts(const LeakReport& report, const TextSink& sink) {
  return write_stack_counts(proved_of(report), sink, "goroutineleak") && sink(summary(report)) &&
         write_suspects(report, sink);
}

std::string leak_profile(const LeakReport& report) {
  return goroutine_profile(proved_of(report), "goroutineleak");
}

}  // namespace sluice::debug
