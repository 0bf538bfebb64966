// The policy door: from what a guest did lately to what it should have.
//
// Called by daemon/vm_scaler and simulate, at every sample and whenever the policy asked to be asked again;
// implemented by plugins/policy-*. Pure: same input, same output, no clock, no memory of its own between calls unless
// it keeps it per `vm` and the same history gives the same answers. Cost: microseconds; it is called on the agent's
// thread. Threads: one call at a time per Policy. Failure: an Error keeps the VM at its size and is shown.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/model/goal.hpp"
#include "core/model/instant.hpp"
#include "core/model/metrics.hpp"
#include "core/model/resources.hpp"
#include "core/model/result.hpp"
#include "core/model/scaling_config.hpp"

namespace neonvm {

// The guest asked for more than its samples show, or refused to shrink.
struct GuestRequest {
  Instant at{};
  Bytes memory;                    // total that it asks for; 0: "more", no amount (upstream's UpscaleRequest)
};

struct PolicyInput {
  std::string_view vm;             // stable id, for policies that keep a history
  Instant now{};
  std::int64_t wall_seconds = 0;   // seconds since the epoch, UTC, for calendar rules; 0: unknown
  std::span<const GuestSample> samples;  // oldest first, newest last; may be empty
  Resources using_now;             // what the VM has
  Resources min, max;
  Resources compute_unit;
  const ScalingConfig* config = nullptr;  // complete: every field set
  // Not 0: what this policy was given with the same number before was the same config and the same compute unit, so that
  // it need not compare them again. 0: not known.
  std::uint64_t config_revision = 0;
  std::optional<GuestRequest> request;
};

class Policy {
 public:
  virtual ~Policy() = default;
  virtual Result<Goal> decide(const PolicyInput& input) = 0;
  // The same into a goal that the caller keeps from call to call, so that a policy can use the room of its last reasons
  // again and allocates nothing. On an error the goal is not to be read.
  virtual Status decide_into(const PolicyInput& input, Goal& goal) {
    Result<Goal> made = decide(input);
    if (!made) return made.error();
    goal = std::move(made).value();
    return {};
  }
  // How many of the newest samples can change an answer when every figure of them is known and fresh. Who keeps the
  // samples of very many such guests may leave older ones out.
  [[nodiscard]] virtual std::size_t samples_read() const { return std::numeric_limits<std::size_t>::max(); }
};

}  // namespace neonvm
