#include "core/policy/demand.hpp"

#include <algorithm>

#include "core/policy/figures.hpp"

namespace neonvm::policy {
namespace {

constexpr double waiting = 0.05;        // share of the interval
constexpr double a_little = 0.01;
constexpr double saturated = 0.9;       // of the CPUs online
constexpr double taken_by_host = 0.1;
constexpr double hot_refaults = 1000;   // pages a second: 4 MiB/s
constexpr double hot_swap = 200;

double as_double(Bytes b) { return static_cast<double>(b.value); }

// Free, file pages and reclaimable slab; none if one of them is not told.
std::optional<double> reclaimable(const GuestSample& s) {
  if (!is_sane(s.memory_free) || !is_sane(s.memory_file) || !is_sane(s.slab_reclaimable)) return std::nullopt;
  return as_double(s.memory_free) + as_double(s.memory_file) + as_double(s.slab_reclaimable);
}

}  // namespace

std::optional<double> cpu_demand(const GuestSample& sample) {
  if (!is_sane(sample.cpu_used)) return std::nullopt;
  const double online = std::max<double>(1, sample.online_cpus);
  const double stolen = is_sane(sample.cpu_stolen) ? sample.cpu_stolen : 0;
  if (stolen > taken_by_host * online) return std::min(sample.cpu_used + stolen, std::max(online, sample.cpu_used));
  const bool waits = (is_sane(sample.cpu.some) && sample.cpu.some > waiting) || sample.cpu_used > saturated * online;
  if (!waits || !is_sane(sample.runnable)) return sample.cpu_used;
  return std::max(sample.cpu_used, sample.runnable);
}

std::optional<double> memory_need(const GuestSample& sample) {
  if (!is_sane(sample.memory_total) || !is_sane(sample.memory_available)) return std::nullopt;
  if (sample.memory_total < sample.memory_available || sample.memory_total.value == 0) return std::nullopt;
  double need = as_double(sample.memory_total - sample.memory_available);
  if (const auto loose = reclaimable(sample)) need = std::max(need, as_double(sample.memory_total) - *loose);
  if (is_sane(sample.swap_total) && is_sane(sample.swap_free)) {
    need += as_double(sample.swap_total - sample.swap_free);
  }
  return need;
}

double file_cache(const GuestSample& sample) {
  if (!is_sane(sample.memory_file) || !is_sane(sample.memory_total)) return 0;
  return as_double(std::min(sample.memory_file, sample.memory_total));
}

bool waits_for_memory(const GuestSample& sample) {
  const bool told = is_sane(sample.memory.some);
  if (told && sample.memory.some > waiting) return true;
  if (told && sample.memory.some <= a_little) return false;
  return (is_sane(sample.refaults) && sample.refaults > hot_refaults) ||
         (is_sane(sample.swapped_in) && sample.swapped_in > hot_swap);
}

}  // namespace neonvm::policy
