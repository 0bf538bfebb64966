// PolicyProxy: the policy door over a plugin's C table.
//
// Made by the catalog. Threads: one call at a time, as the door says. Failure: the plugin's error, unchanged.
#pragma once

#include <memory>

#include "core/plugin/opened.hpp"
#include "core/plugin/policy_structs.hpp"
#include "core/ports/policy.hpp"

namespace neonvm::plugin {

class PolicyProxy final : public Policy {
 public:
  explicit PolicyProxy(std::shared_ptr<Opened> opened) : opened_(std::move(opened)) {}

  Result<Goal> decide(const PolicyInput& input) override;
  Status decide_into(const PolicyInput& input, Goal& goal) override;
  // The same without making a Goal: allocates nothing once it has seen an input of this length.
  Status ask(const PolicyInput& input, neonvm_goal& goal);

 private:
  std::shared_ptr<Opened> opened_;
  neonvm_goal goal_{};
  SpareReasons spare_;
};

}  // namespace neonvm::plugin
