// pod_usage: what upstream's controller writes on the pod of a VM for others to count with (neonvm.md 2, autoscaling.md 7.4, 7.11). Pure.
//
// Its scheduler reads vm.neon.tech/resources, its cluster-autoscaler vm.neon.tech/usage in place of the pod's requests, both divide by
// vm.neon.tech/overcommit. All tell of the spec: what is asked for, not what is there yet.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/model/vm.hpp"

namespace neonvm::wire {

constexpr const char* usage_annotation = "vm.neon.tech/usage";
constexpr const char* vm_resources_annotation = "vm.neon.tech/resources";
constexpr const char* overcommit_annotation = "vm.neon.tech/overcommit";

// What of a VM they tell.
struct PodUsage {
  CpuRange cpu;
  MemoryRange memory;
  std::string overcommit;            // JSON, as people wrote it; empty: none, or it is no object
};
// spec_text: of the same VM.
PodUsage pod_usage(const VmSpec& spec, std::string_view spec_text);
// The annotations by their names.
std::map<std::string, std::string> encode(const PodUsage& usage);

}  // namespace neonvm::wire
