// A policy that the host opened for this plugin, as an ordinary Policy.
#include <vector>

#include "core/plugin/edge.hpp"
#include "core/plugin/plugin_sdk.hpp"
#include "core/plugin/policy_structs.hpp"
#include "core/plugin/slots.hpp"

namespace neonvm::plugin {
namespace {

class InnerPolicy final : public Policy {
 public:
  InnerPolicy(const neonvm_host* host, std::string name) : host_(host), name_(std::move(name)) {}
  ~InnerPolicy() override {
    if (table_ != nullptr) host_->close_policy(host_->context, handle_);
  }
  InnerPolicy(const InnerPolicy&) = delete;
  InnerPolicy& operator=(const InnerPolicy&) = delete;

  Status open(const std::map<std::string, std::string>& settings) {
    std::vector<neonvm_option> options;
    for (const auto& [key, value] : settings) options.push_back({to_text(key), to_text(value)});
    const neonvm_policy_table* table = nullptr;
    neonvm_error error;
    error.message[0] = '\0';
    const std::int32_t code =
        host_->open_policy(host_->context, to_text(name_), options.data(), options.size(), &handle_, &table, &error);
    if (code != NEONVM_OK) return error_from(code, error, name_);
    table_ = table;
    return {};
  }

  Result<Goal> decide(const PolicyInput& input) override {
    Goal goal;
    if (const Status status = decide_into(input, goal); !status) return status.error();
    return goal;
  }

  Status decide_into(const PolicyInput& input, Goal& goal) override {
    clear(goal_);
    neonvm_error error;
    error.message[0] = '\0';
    PolicyInputOut out;
    const std::int32_t code = table_->decide(handle_, &out.fill(input), &goal_, &error);
    if (code != NEONVM_OK) return error_from(code, error, name_);
    read_goal(goal_, goal, spare_);
    return {};
  }

 private:
  const neonvm_host* host_;
  std::string name_;
  const neonvm_policy_table* table_ = nullptr;
  void* handle_ = nullptr;
  neonvm_goal goal_{};
  SpareReasons spare_;
};

}  // namespace

Result<std::unique_ptr<Policy>> Host::open_policy(const std::string& name,
                                                  const std::map<std::string, std::string>& settings) const {
  if (host_ == nullptr || !has(*host_, &neonvm_host::open_policy) || !has(*host_, &neonvm_host::close_policy)) {
    return Error{Code::unsupported, "this neonvm cannot open the policy " + name + " for another one; update it"};
  }
  auto policy = std::make_unique<InnerPolicy>(host_, name);
  if (const Status status = policy->open(settings); !status) return status.error();
  return std::unique_ptr<Policy>(std::move(policy));
}

}  // namespace neonvm::plugin
