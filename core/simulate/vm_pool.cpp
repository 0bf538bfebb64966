#include "core/simulate/vm_pool.hpp"

#include <new>
#include <sys/mman.h>

#include "core/simulate/simulated_vm.hpp"

namespace neonvm::simulate {
namespace {

constexpr std::size_t large_page = std::size_t{2} << 20;   // of x86 and of arm64 with small pages of 4 KiB
constexpr std::size_t chunk = 4 * large_page;
constexpr std::size_t line = 64;
constexpr std::size_t size = (sizeof(SimulatedVm) + line - 1) / line * line;

}  // namespace

VmPool::~VmPool() {
  for (void* at : chunks_) ::operator delete(at, std::align_val_t{large_page});
}

void* VmPool::block() {
  if (!free_.empty()) {
    void* at = free_.back();
    free_.pop_back();
    return at;
  }
  if (chunks_.empty() || used_ + size > chunk) {
    chunks_.reserve(chunks_.size() + 1);
    void* at = ::operator new(chunk, std::align_val_t{large_page});
    (void)madvise(at, chunk, MADV_HUGEPAGE);               // only a wish
    chunks_.push_back(at);
    used_ = 0;
  }
  void* at = static_cast<char*>(chunks_.back()) + used_;
  used_ += size;
  return at;
}

VmPointer VmPool::make(const VmPlan& plan, const Settings& settings, std::unique_ptr<DemandSource> demand, std::size_t index,
                       Instant at, Shown* shown) {
  void* place = block();
  try {
    return VmPointer(new (place) SimulatedVm(plan, settings, std::move(demand), index, at, shown), Back{this});
  } catch (...) {
    free_.push_back(place);
    throw;
  }
}

void VmPool::Back::operator()(SimulatedVm* vm) const {
  vm->~SimulatedVm();
  pool->free_.push_back(vm);
}

}  // namespace neonvm::simulate
