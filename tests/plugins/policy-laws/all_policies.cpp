#include "tests/plugins/policy-laws/all_policies.hpp"

#include <array>
#include <fstream>
#include <stdexcept>

#include "tests/support/temp_dir.hpp"

#define NEONVM_GETTER(NAME) extern "C" const neonvm_plugin_descriptor* neonvm_plugin_v1_policy_##NAME(void)
NEONVM_GETTER(default);
NEONVM_GETTER(pressure);
NEONVM_GETTER(fixed);
NEONVM_GETTER(schedule);
NEONVM_GETTER(budget);
NEONVM_GETTER(percentile);
NEONVM_GETTER(forecast);
NEONVM_GETTER(lua);
#undef NEONVM_GETTER

namespace neonvm::test {
namespace {

constexpr std::array<neonvm_plugin_getter, 8> getters{
    neonvm_plugin_v1_policy_default,  neonvm_plugin_v1_policy_pressure, neonvm_plugin_v1_policy_fixed,
    neonvm_plugin_v1_policy_schedule, neonvm_plugin_v1_policy_budget,   neonvm_plugin_v1_policy_percentile,
    neonvm_plugin_v1_policy_forecast, neonvm_plugin_v1_policy_lua};

constexpr const char* script = R"(
function decide(vm)
  local newest = vm.samples[#vm.samples]
  if not newest then return nil, nil, "no sample" end
  vm.state.most = math.max(vm.state.most or 0, newest.cpu_demand or 0)
  explain("most " .. vm.state.most)
  return newest.cpu_demand, newest.memory_need, "newest"
end
)";

std::string script_path() {
  static const TempDir folder;
  const std::string path = folder.path().string() + "/law.lua";
  std::ofstream(path) << script;
  return path;
}

}  // namespace

const std::vector<PolicyCase>& all_policies() {
  static const std::vector<PolicyCase> all{
      {"default", {}, false},
      {"pressure", {}},
      {"pressure", {{"coupled", "yes"}, {"calm", "5"}}},
      {"fixed", {{"cpus", "3"}}},
      {"schedule", {{"rule.a", "mon-fri 08:00-18:00 cpus=2..3"}, {"rule.b", "00:00-12:00 memory=..1Gi"}}},
      {"budget", {{"cu-hours", "30"}}},
      {"percentile", {}},
      {"forecast", {{"seasons", "1"}}},
      {"forecast", {{"of", "budget"}, {"of.cu-hours", "50"}, {"of.of", "default"}}},
      {"lua", {{"script", script_path()}}},
  };
  return all;
}

Result<std::unique_ptr<Policy>> try_open(const PolicyCase& policy) {
  return plugin::Catalog(getters, {}).open_policy(policy.name, policy.settings);
}

std::unique_ptr<Policy> open(const PolicyCase& policy) {
  auto opened = try_open(policy);
  if (!opened) throw std::runtime_error(opened.error().message);
  return std::move(opened).value();
}

}  // namespace neonvm::test
