// Explanation: why a VM has the size that it has: what `neonvm explain` shows, as the agent tells it at
// GET /v1/explain/<vm> (newer=N waits until there is a decision after number N).
//
// A decision is one change of the agent's mind about one VM: what came in, what was wanted and why, and when each stage
// of carrying it out was reached. Unknown members are ignored: the reader may be older.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/goal.hpp"
#include "core/model/instant.hpp"
#include "core/model/metrics.hpp"
#include "core/model/resources.hpp"
#include "core/model/result.hpp"

namespace neonvm::wire {

// "permit asked", "permit granted", "resize written", "applied", "guest told", …
struct ExplainedStage {
  std::string name;
  std::string note;                    // the size, or what went wrong
  Duration after{};                    // since the decision

  friend bool operator==(const ExplainedStage&, const ExplainedStage&) = default;
};

struct ExplainedDecision {
  std::uint64_t number = 0;            // grows by one for each decision about this VM
  WallTime at{};
  std::string trigger;                 // "sample", "pressure: memory", "guest wants 1536Mi", "bounds changed", …
  std::int64_t revision = 0;           // 0: nothing was started
  Resources wish, asked, actual;
  std::optional<Resources> permit, consent;
  std::vector<Because> because;
  std::optional<GuestSample> sample;   // the newest one that it rests on
  std::vector<ExplainedStage> stages;

  // A sample holds NaNs, which never are the same: the number stands for what is not compared.
  friend bool operator==(const ExplainedDecision& a, const ExplainedDecision& b) {
    return a.number == b.number && a.at == b.at && a.wish == b.wish && a.because == b.because && a.stages == b.stages;
  }
};

// A policy that looks at the VM: its own, which has effect, or one that runs beside it and has none.
struct ExplainedShadow {
  std::string policy;                  // as it is written: "pressure,calm=15"
  bool has_effect = false;
  std::string problem;                 // it cannot be opened, or refuses
  Resources wish;
  std::vector<Because> because;
  double seconds = 0;                  // watched for so long
  double mean_cpus = 0;                // of its wishes over that time
  Bytes mean_memory;
  double short_cpu_seconds = 0;        // the guest needed more than the wish
  double short_memory_seconds = 0;
  std::uint32_t turns = 0;             // changes of direction

  friend bool operator==(const ExplainedShadow&, const ExplainedShadow&) = default;
};

struct Explanation {
  std::string vm, runner, node, policy;
  bool guest_connected = false;
  std::string problem;                 // the policy could not be opened or refuses; empty: none
  Resources min, max;
  Resources asked, actual, wish;
  std::optional<Resources> permit, consent;
  std::vector<Because> because;        // as of now
  std::optional<Duration> looks_again; // from now, if nothing comes before
  std::vector<ExplainedDecision> decisions;  // oldest first
  std::vector<ExplainedShadow> policies;     // with shadows: the VM's own first; without: empty
};

Result<Explanation> decode_explanation(std::string_view json);
std::string encode(const Explanation& explanation, int indent = -1);
// Of a question's target or query, "…newer=7": not before there is a decision after that number. None: at once.
std::optional<std::uint64_t> newer_of(std::string_view target);

}  // namespace neonvm::wire
