// A small cluster with every generator, for tests of core/simulate.
#pragma once

#include "core/simulate/generators.hpp"
#include "core/simulate/random.hpp"
#include "core/simulate/world.hpp"
#include "plugins/policy-default/default_policy.hpp"

namespace neonvm::simulate {

inline ClusterPlan small_cluster(std::size_t nodes, std::size_t vms, Resources node_size = {MilliCpu{64'000}, Bytes{256 * gib}}) {
  ClusterPlan plan;
  for (std::size_t i = 0; i < nodes; ++i) plan.nodes.push_back({"n" + std::to_string(i), node_size, 0.9, true, {}});
  for (std::size_t i = 0; i < vms; ++i) {
    VmPlan vm;
    vm.name = "vm" + std::to_string(i);
    vm.min = vm.start = {MilliCpu{250}, Bytes{gib}};
    vm.max = {MilliCpu{4000}, Bytes{16 * gib}};
    plan.vms.push_back(vm);
  }
  return plan;
}

inline SourceFactory every_generator(std::uint64_t seed) {
  return [seed](std::size_t i) {
    GeneratorSpec spec;
    const auto& kinds = generator_kinds();
    spec.kind = kinds[i % kinds.size()];
    return make_generator(spec, mixed(seed + i));
  };
}

inline PolicyFactory default_policies() {
  return []() -> Result<std::unique_ptr<Policy>> { return std::unique_ptr<Policy>(std::make_unique<policy_default::DefaultPolicy>(false)); };
}

}  // namespace neonvm::simulate
