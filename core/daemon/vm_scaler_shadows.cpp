// What might have been: policies that run beside a VM's own, without effect, asked the same and scored by the same
// measure; and the limits that bite.
#include <algorithm>

#include "core/daemon/vm_scaler.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::daemon {

// Those that stay keep their history and their score.
void VmScaler::adopt_shadows(const Object& vm) {
  const auto wanted = wire::decode_shadow_policies(vm);
  shadows_problem_ = wanted ? "" : wanted.error().message;
  std::vector<Shadow> shadows;
  for (const wire::NamedPolicy& policy : wanted ? *wanted : std::vector<wire::NamedPolicy>()) {
    const auto before = std::find_if(shadows_.begin(), shadows_.end(), [&](const Shadow& s) { return s.wanted == policy; });
    if (before != shadows_.end()) {
      shadows.push_back(std::move(*before));
      shadows_.erase(before);
      continue;
    }
    Shadow shadow;
    shadow.wanted = policy;
    auto opened = tools_.open_policy(policy.name, policy.options);
    if (opened) {
      shadow.policy = std::move(*opened);
    } else {
      shadow.problem = opened.error().message;
      runtime::log_warning("agent", "a shadow policy cannot be opened", {{"vm", name_}, {"policy", policy.name}, {"error", shadow.problem}});
    }
    shadows.push_back(std::move(shadow));
  }
  shadows_ = std::move(shadows);
}

void VmScaler::ask_shadows(const PolicyInput& input) {
  for (Shadow& shadow : shadows_) {
    if (!shadow.policy) continue;
    auto goal = shadow.policy->decide(input);
    shadow.problem = goal ? "" : goal.error().message;
    if (!goal) continue;
    shadow.score.wished(clamp(goal->wish, input.min, input.max));
    shadow.because = std::move(goal->because);
  }
}

void VmScaler::score(const GuestSample& sample) {
  score_.observed(sample, spec_.max());
  for (Shadow& shadow : shadows_) shadow.score.observed(sample, spec_.max());
}

// What would have changed the outcome: each limit that bites, with the size that the VM would have without it.
void VmScaler::explain_otherwise(wire::Explanation& all) const {
  if (!scaling_) return;
  const auto otherwise = [&all](const std::string& text) { all.because.push_back({"otherwise", text}); };
  const std::size_t before = all.because.size();
  if (unbounded_ && clamp(*unbounded_, all.min, all.max) != *unbounded_)
    otherwise("within wider limits than " + to_string(all.min) + " .. " + to_string(all.max) + " it would want " + to_string(*unbounded_));
  if (all.permit && exceeds_somewhere(all.wish, *all.permit))
    otherwise("with more room on " + all.node + " it would have " + to_string(all.wish) + "; it may have " + to_string(*all.permit));
  if (exceeds_somewhere(all.asked, all.wish)) {
    if (!all.consent) otherwise("with a monitor in the guest to agree it would shrink to " + to_string(all.wish));
    else if (exceeds_somewhere(*all.consent, all.wish)) otherwise("if its guest agreed it would shrink to " + to_string(all.wish));
  }
  if (!status_.migration.empty()) otherwise("once its migration is over it may be sized again");
  if (all.because.size() == before) otherwise("no limit bites: only another load or another policy would change it");
}

void VmScaler::explain_policies(wire::Explanation& all) const {
  if (all.problem.empty()) all.problem = shadows_problem_;
  if (shadows_.empty()) return;
  wire::ExplainedShadow own;
  own.policy = wire::to_text({policy_name_, policy_options_});
  own.has_effect = true;
  own.problem = problem_;
  score_.fill(own);
  all.policies.push_back(std::move(own));
  for (const Shadow& shadow : shadows_) {
    wire::ExplainedShadow one;
    one.policy = wire::to_text(shadow.wanted);
    one.problem = shadow.problem;
    one.because = shadow.because;
    shadow.score.fill(one);
    all.policies.push_back(std::move(one));
  }
}

}  // namespace neonvm::daemon
