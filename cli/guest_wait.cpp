#include "cli/guest_wait.hpp"

#include <algorithm>

#include "cli/image_steps.hpp"
#include "core/wire/workload.hpp"

namespace neonvm::cli {

namespace {

// A disk from elsewhere may have an init that takes its time, or stops our monitor.
constexpr Duration monitor_limit = std::chrono::seconds(30);

bool has_ended(const VmView& vm) {
  const Phase phase = vm.status.phase;
  return phase == Phase::succeeded || phase == Phase::failed || phase == Phase::stopped;
}

// None: the disk is from elsewhere.
std::optional<wire::Workload> workload_of(Context& context, const std::string& disk) {
  auto images = open_images(context);
  if (disk.empty() || !images) return std::nullopt;
  const auto all = images->list();
  if (!all) return std::nullopt;
  for (const builder::StoredImage& image : *all) {
    if (image.path != disk || image.facts.workload.empty()) continue;
    if (auto workload = wire::decode_workload(image.facts.workload)) return std::move(*workload);
  }
  return std::nullopt;
}

bool has_check(Context& context, const VmView& vm) {
  const auto workload = workload_of(context, vm.spec.root_image);
  return workload && workload->healthcheck.has_value();
}

}  // namespace

std::string running_and_answering(const VmView& vm) {
  if (vm.status.phase == Phase::pending || vm.status.phase == Phase::none) {
    return vm.status.why.empty() ? "waiting for a place" : vm.status.why;
  }
  if (vm.status.phase == Phase::succeeded || vm.status.phase == Phase::stopped) return "";
  if (vm.status.phase != Phase::running && vm.status.phase != Phase::scaling) {
    return std::string(to_string(vm.status.phase)) + (vm.status.why.empty() ? "" : ": " + vm.status.why);
  }
  // An image of the user's own may have no monitor; its VM counts as up when QEMU runs.
  if (!vm.status.guest_connected && vm.spec.root_image.empty()) return "booting";
  return "";
}

void await_guest(Context& context, Duration limit, VmView& vm) {
  // Only our initramfs brings a monitor to every disk.
  if (!vm.spec.kernel.empty() && !vm.status.guest_connected) return;
  const auto answers = [&vm](const VmView& now) {
    vm = now;
    return has_ended(now) || now.status.guest_connected ? std::string() : std::string("booting");
  };
  if (!wait_for(context, vm.object.name, std::min(limit, monitor_limit), answers) || has_ended(vm)) return;
  const bool checked = has_check(context, vm);
  const auto ready = [&vm, checked](const VmView& now) {
    vm = now;
    const WorkloadHealth& health = now.status.health;
    const bool undecided = health.state == Health::starting || (checked && health.state == Health::none);
    if (has_ended(now) || !undecided) return std::string();
    return "its workload is starting" + (health.why.empty() ? "" : ": " + health.why);
  };
  // What is missing then, the VM's last look says.
  (void)wait_for(context, vm.object.name, limit, ready);
}

}  // namespace neonvm::cli
