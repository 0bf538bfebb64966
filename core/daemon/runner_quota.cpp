// The runner's limit on QEMU's CPU time, which follows the VM's size.
#include "core/daemon/runner.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::daemon {

namespace {

// Fractions count once the guest has come up: with a quarter of a CPU it would boot for as long as it then lives. A CPU that is
// still to leave keeps its time until it has left.
MilliCpu quota_for(const decide::ResizeFacts& facts, bool guest_came) {
  const MilliCpu asked = facts.asked.cpu, whole{asked.whole_cpus() * 1000}, online{facts.cpus_online * 1000};
  if (online > whole) return online;
  return guest_came ? asked : whole;
}

}  // namespace

void Runner::set_quota() {
  if (report_.pid <= 0) return;
  quota_open_ = true;
  using Made = Result<std::shared_ptr<CpuQuota>>;
  loop_.off_loop(
      [pid = report_.pid]() -> Made {
        auto quota = CpuQuota::around(pid);
        if (!quota) return quota.error();
        return std::make_shared<CpuQuota>(std::move(*quota));
      },
      [this, weak = std::weak_ptr(alive_)](const Made& made) {
        if (weak.expired()) return;
        quota_open_ = false;
        if (!made) return runtime::log_info("runner", "QEMU's CPU time has no limit but its CPUs", {{"vm", report_.vm}, {"why", made.error().message}});
        quota_ = *made;
        if (ended_) return drop_quota();
        keep_quota();
      });
}

void Runner::keep_quota() {
  quota_wanted_ = quota_for(facts_, guest_ever_came_);
  if (!quota_ || quota_open_ || quota_wanted_ == quota_set_) return;
  quota_open_ = true;
  loop_.off_loop([quota = quota_, size = quota_wanted_] { return quota->limit(size); },
                 [this, weak = std::weak_ptr(alive_), size = quota_wanted_](const Status& set) {
                   if (weak.expired()) return;
                   quota_open_ = false;
                   // Not again before another size is wanted: what the kernel refuses it refuses then as well.
                   quota_set_ = size;
                   if (!set) runtime::log_warning("runner", "QEMU's CPU time could not be limited", {{"vm", report_.vm}, {"why", set.error().message}});
                   if (ended_) return drop_quota();
                   keep_quota();
                 });
}

// The group goes with the process. One that a worker is busy with goes when that is done.
void Runner::drop_quota() {
  if (!quota_ || quota_open_) return;
  if (Status gone = quota_->remove(); !gone) runtime::log_info("runner", "a cgroup stays behind", {{"vm", report_.vm}, {"why", gone.error().message}});
  quota_.reset();
}

}  // namespace neonvm::daemon
