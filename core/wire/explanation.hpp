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
};

Result<Explanation> decode_explanation(std::string_view json);
std::string encode(const Explanation& explanation, int indent = -1);

}  // namespace neonvm::wire
