#include "core/simulate/migration_model.hpp"

#include <algorithm>

namespace neonvm::simulate {

Copy copy_of(double used, double cpu, double bandwidth, const Network& network) {
  Copy copy;
  double dirty = std::min(network.dirty_per_cpu * cpu, bandwidth * 4);
  double rest = used;
  // Of a throttled guest each further round runs at nine tenths of the speed before.
  for (std::uint32_t round = 0; copy.seconds < network.give_up; ++round) {
    const double lasts = rest / bandwidth;
    if (lasts <= network.downtime_limit) {
      copy.downtime = lasts;
      copy.seconds += lasts;
      copy.bytes += rest;
      return copy;
    }
    copy.seconds += lasts;
    copy.bytes += rest;
    rest = std::min(used, dirty * lasts);
    if (round >= network.rounds || rest >= used) dirty *= 0.9;
  }
  copy.fails = true;
  copy.seconds = network.give_up;
  return copy;
}

}  // namespace neonvm::simulate
