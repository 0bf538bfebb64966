// load: work for a guest, to see it grow: busy CPUs, and memory that is filled at a known pace and checked.
//
// Called by cli/load in the guest build, by demos and tests. Blocking; runs until its time is over. Failure: memory that
// does not hold what was written (a broken migration) is told with its address and counts; memory that cannot be had is a
// Result.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "core/model/instant.hpp"
#include "core/model/resources.hpp"
#include "core/model/result.hpp"

namespace neonvm::guest {

// As many threads as `loops` that never wait, for so long.
void load_cpus(std::uint32_t loops, Duration time);

struct MemoryLoad {
  Bytes size;
  std::optional<Bytes> rate;      // a second, while filling; none: as fast as it goes
  Duration time{};                // in all; filling is always finished
  bool check = false;             // read everything back, and rewrite and check it in rounds until the time is over
};
struct MemoryLoadReport {
  double fill_seconds = 0;
  std::uint64_t rounds = 0;       // complete checks
  std::uint64_t wrong = 0;        // 8-byte words
  std::uint64_t first_wrong = 0;  // offset of the first one
};
Result<MemoryLoadReport> load_memory(const MemoryLoad& load);

// Memory that is hard to take back, held for so long: locked pages; page tables (of pages that take no memory themselves);
// slab of the kernel's that it cannot drop (pipes). Failure: what the kernel refuses, with how far it got.
enum class KernelLoad { locked, page_tables, slab };
Result<Bytes> hold_memory(KernelLoad what, Bytes amount, Duration time);

// Up from `low` to `high` and down again, for so long: shared memory as databases have it, at `rate` a second. `told`: about
// once a second, what it has now. REQUIRES low < high. Upstream's allocate-loop.
struct MemoryWave {
  Bytes low, high;
  Bytes rate{256 * mib};
  Duration time{};
};
Status wave_memory(const MemoryWave& wave, const std::function<void(Bytes)>& told);

// What stands in word `index` in that round. Pure; no two neighbours and no two rounds agree.
constexpr std::uint64_t pattern_word(std::uint64_t index, std::uint64_t round) {
  return (index + 1) * 0x9e3779b97f4a7c15u + round * 0xd1b54a32d192ed03u;
}

}  // namespace neonvm::guest
