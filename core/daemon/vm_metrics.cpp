#include "core/daemon/vm_metrics.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/daemon/metric_families.hpp"

namespace neonvm::daemon {

namespace {

std::string label_of(const Object& vm, const char* label) {
  const auto found = vm.labels.find(label);
  return found == vm.labels.end() ? "" : found->second;
}

// An object that is called "NAMESPACE/NAME" says its namespace there.
std::string namespace_of(const Object& vm) {
  const auto slash = vm.name.find('/');
  return slash == std::string::npos ? vm.ns : vm.name.substr(0, slash);
}

}  // namespace

double units_in(const Resources& size, const Resources& unit) {
  const double cpu = unit.cpu.value == 0 ? 0 : size.cpu.cpus() / unit.cpu.cpus();
  const double memory = unit.memory.value == 0 ? 0 : static_cast<double>(size.memory.value) / static_cast<double>(unit.memory.value);
  return std::max(cpu, memory);
}

void collect_vm(const Object& vm, const VmSpec& spec, const VmStatus& status, const std::optional<Resources>& wish, const Resources& unit,
                std::vector<runtime::MetricSample>& out) {
  const std::vector<std::string> who{namespace_of(vm), short_name(vm.name), label_of(vm, endpoint_label), label_of(vm, project_label)};
  const auto tell = [&](const runtime::MetricFamily& family, const char* what, double value) {
    std::vector<std::string> values = who;
    values.emplace_back(what);
    out.push_back({&family, std::move(values), value});
  };
  const auto size = [&](const char* what, const Resources& r) {
    tell(families::up_vm_cpu, what, r.cpu.cpus());
    tell(families::up_vm_memory, what, static_cast<double>(r.memory.value));
  };
  size("spec_min", spec.min());
  size("spec_max", spec.max());
  size("spec_use", spec.use());
  size("status_use", {status.cpu.actual, status.memory.actual});
  if (spec.scaling.bound_min) size("autoscaling_min", *spec.scaling.bound_min);
  if (spec.scaling.bound_max) size("autoscaling_max", *spec.scaling.bound_max);
  out.push_back({&families::up_vm_restarts, who, static_cast<double>(status.restarts)});
  out.push_back({&families::up_vm_extra_ip, who, status.overlay.empty() ? 0.0 : 1.0});
  if (!wish) return;
  tell(families::up_vm_desired, "total", units_in(*wish, unit));
  tell(families::up_vm_desired, "cpu", unit.cpu.value == 0 ? 0 : wish->cpu.cpus() / unit.cpu.cpus());
  tell(families::up_vm_desired, "mem", units_in({{}, wish->memory}, unit));
}

}  // namespace neonvm::daemon
