// VmPool: simulated VMs side by side in memory, and VmPointer, which owns one of them.
//
// Owned by a World; one thread at a time. Ten thousand VMs are more than a processor's cache and its list of pages hold:
// side by side in large pages, looking at the next one costs half as much. Blocks that are given back are used again; what
// was mapped stays so until the pool ends, which must outlive its VMs.
// Failure: std::bad_alloc when there is no memory.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "core/model/instant.hpp"

namespace neonvm::simulate {

class SimulatedVm;
class DemandSource;
struct Settings;
struct Shown;
struct VmPlan;

class VmPool {
 public:
  struct Back {
    VmPool* pool = nullptr;
    void operator()(SimulatedVm* vm) const;
  };

  VmPool() = default;
  ~VmPool();
  VmPool(const VmPool&) = delete;
  VmPool& operator=(const VmPool&) = delete;

  // As the constructor of SimulatedVm.
  std::unique_ptr<SimulatedVm, Back> make(const VmPlan& plan, const Settings& settings, std::unique_ptr<DemandSource> demand,
                                          std::size_t index, Instant at, Shown* shown);

 private:
  void* block();

  std::vector<void*> chunks_, free_;
  std::size_t used_ = 0;           // of the last chunk, bytes
};

using VmPointer = std::unique_ptr<SimulatedVm, VmPool::Back>;

}  // namespace neonvm::simulate
