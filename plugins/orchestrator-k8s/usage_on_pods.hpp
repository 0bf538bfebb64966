// UsageOnPods: keeps true, on the pods of VMs that run, what is written there of the VMs' sizes (wire/pod_usage).
//
// Told by watches of VMs and of runners of what they see, on whichever thread that is; writes behind, half a minute after the first change
// that is not written: an up-scale has no write more, a VM that changes all the time has two a minute, and one that is back where
// it was has none. Failure: as WrittenBehind; what was lost with a process the next one sees.
// Of thousands of pods nothing is kept but what texts are made from, and a digest of those that are there.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/model/object.hpp"
#include "core/wire/pod_usage.hpp"
#include "plugins/orchestrator-k8s/written_behind.hpp"

namespace neonvm::k8s {

class UsageOnPods {
 public:
  explicit UsageOnPods(std::shared_ptr<WrittenBehind> behind, Duration after = std::chrono::seconds(30)) : behind_(std::move(behind)), after_(after) {}

  using Warn = std::function<void(const std::string&)>;
  // A VM, or a runner with its pod's annotations; gone: it was deleted.
  void saw(const Object& object, bool gone, const Warn& warn);

 private:
  using Texts = std::map<std::string, std::string>;
  struct Pod {
    std::string uid, ns, name;
    std::size_t has = 0;                           // digest of its annotations
  };
  struct Vm {
    std::optional<wire::PodUsage> wanted;          // none: not seen yet, or not to be read
    std::vector<Pod> pods;
  };
  static std::size_t digest(const Texts& texts);
  void settle(const Vm& vm, const Pod& pod, const Warn& warn);

  const std::shared_ptr<WrittenBehind> behind_;
  const Duration after_;
  std::mutex mutex_;
  std::map<std::string, Vm> vms_;                  // by uid
};

}  // namespace neonvm::k8s
