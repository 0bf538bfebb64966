#include "core/plugin/policy_proxy.hpp"

namespace neonvm::plugin {

Status PolicyProxy::ask(const PolicyInput& input, neonvm_goal& goal) {
  clear(goal);
  PolicyInputOut out;
  const neonvm_policy_input& as_struct = out.fill(input);
  const auto& table = opened_->table<neonvm_policy_table>();
  return opened_->call(
      [&](neonvm_error* error) { return table.decide(opened_->handle(), &as_struct, &goal, error); });
}

Result<Goal> PolicyProxy::decide(const PolicyInput& input) {
  if (const Status status = ask(input, goal_); !status) return status.error();
  return read_goal(goal_);
}

Status PolicyProxy::decide_into(const PolicyInput& input, Goal& goal) {
  if (Status status = ask(input, goal_); !status) return status;
  read_goal(goal_, goal, spare_);
  return {};
}

}  // namespace neonvm::plugin
