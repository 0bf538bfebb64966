// PolicyScore: how a policy would have done, or did: what it wished for over time, against what the guest needed.
//
// Used by VmScaler, one for each policy that looks at a VM, its own included. Loop thread only. Needed CPUs are those in
// use or waited for (used, or runnable tasks if more), at most the VM's maximum; needed memory is total - available. A
// wish counts from when it was made; so a policy that follows late was short meanwhile. A pause of over 30 s between two
// samples counts for nothing.
#pragma once

#include <optional>

#include "core/model/goal.hpp"
#include "core/model/metrics.hpp"
#include "core/model/resources.hpp"
#include "core/wire/explanation.hpp"

namespace neonvm::daemon {

class PolicyScore {
 public:
  // The guest at this moment, before the policy has seen it.
  void observed(const GuestSample& sample, const Resources& max);
  // What the policy wishes from now on, within the VM's bounds.
  void wished(const Resources& wish);
  void fill(wire::ExplainedShadow& into) const;

 private:
  std::optional<Instant> last_;
  std::optional<Resources> wish_;
  int direction_ = 0;
  double seconds_ = 0, cpu_seconds_ = 0, byte_seconds_ = 0, short_cpu_ = 0, short_memory_ = 0;
  std::uint32_t turns_ = 0;
};

}  // namespace neonvm::daemon
