// A Policy behind the C table.
#include "core/plugin/edge.hpp"
#include "core/plugin/plugin_sdk.hpp"
#include "core/plugin/policy_structs.hpp"

namespace neonvm::plugin {
namespace {

struct Opened {
  std::unique_ptr<Policy> policy;
  Goal goal;  // kept, so that its texts keep their room
};

std::int32_t decide(void* handle, const neonvm_policy_input* from, neonvm_goal* to, neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    auto& opened = *static_cast<Opened*>(handle);
    PolicyInputIn in;
    const Result<PolicyInput> input = in.read(*from);
    if (!input) return input.error();
    if (Status status = opened.policy->decide_into(*input, opened.goal); !status) return status;
    write_goal(opened.goal, *to);
    return {};
  });
}

constexpr neonvm_policy_table policy_table = {sizeof(neonvm_policy_table), decide};

}  // namespace

std::int32_t policy_edge::open(Maker<Policy> maker, const neonvm_open_args* args, void** plugin,
                               neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const Result<Options> options = read_options(args);
    if (!options) return options.error();
    auto policy = maker(*options);
    if (!policy) return policy.error();
    *plugin = new Opened{std::move(policy).value(), {}};
    return {};
  });
}

void policy_edge::close(void* plugin) noexcept { delete static_cast<Opened*>(plugin); }

const void* policy_edge::table() noexcept { return &policy_table; }

}  // namespace neonvm::plugin
