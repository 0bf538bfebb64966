// BudgetPolicy: another policy's wish, cut so that each VM stays within so many CU-hours a period.
//
// Options: cu-hours=N (required), period=TIME (24h), hold=TIME (5m: how long a size must be affordable to be given),
// of=POLICY (pressure) and of.KEY=VALUE for that. Accounts: account.hpp; they live as long as the policy, so a restart
// begins a new one with the share of the period that is left.
//
// Failure: the other policy's errors; invalid_argument for a compute unit with a zero. A goal that is incomplete is not
// cut below what the VM has. The wish is in the bounds. Reasons: the other policy's, then budget; limits that bit:
// budget.{limit,too-small}.
#pragma once

#include <memory>

#include "core/plugin/plugin_sdk.hpp"
#include "core/policy/reasons.hpp"
#include "core/policy/vm_memory.hpp"
#include "plugins/policy-budget/account.hpp"

namespace neonvm::policy_budget {

Result<BudgetOptions> read_options(const std::map<std::string, std::string>& settings);

class BudgetPolicy final : public policy::InPlacePolicy {
 public:
  BudgetPolicy(BudgetOptions options, std::unique_ptr<Policy> of) : options_(std::move(options)), of_(std::move(of)) {}
  static Result<std::unique_ptr<BudgetPolicy>> open(const plugin::Options& options);

  Status decide_into(const PolicyInput& input, Goal& goal) override;

 private:
  void cut(const PolicyInput& input, const Balance& balance, Goal& goal);

  BudgetOptions options_;
  std::unique_ptr<Policy> of_;
  Goal inner_;
  policy::VmMemory<Account> accounts_;
  policy::Reasons reasons_;
};

}  // namespace neonvm::policy_budget
