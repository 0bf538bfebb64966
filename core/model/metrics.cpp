#include "core/model/metrics.hpp"

namespace neonvm {

Bytes memory_used_by_upstream(const GuestSample& sample) {
  if (!is_known(sample.memory_total) || !is_known(sample.memory_available)) return unknown;
  return sample.memory_total - sample.memory_available + Bytes{100 * mib};
}

}  // namespace neonvm
