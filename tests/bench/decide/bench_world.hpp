// The world that is measured in: 5,000 nodes of four sizes with 100,000 VMs on them. The same in every run.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "core/decide/ledger.hpp"

namespace neonvm::bench {

constexpr std::uint32_t nodes = 5000, vms = 100000;

inline std::string node_name(std::uint32_t n) { return "node-" + std::to_string(n % nodes); }
inline std::string runner_name(std::uint32_t n) { return "vm-" + std::to_string(n) + "-runner"; }
inline Resources units(std::uint32_t n) { return Resources{MilliCpu{250}, Bytes{gib}} * n; }

inline decide::Ledger ledger() {
  decide::Ledger books;
  std::mt19937 random(1);
  const std::uint32_t sizes[] = {128, 192, 256, 512};
  for (std::uint32_t n = 0; n < nodes; ++n) books.node_seen({node_name(n), units(sizes[n % 4]), 0.9, true, {}});
  for (std::uint32_t v = 0; v < vms; ++v) {
    const Resources size = units(1 + static_cast<std::uint32_t>(random() % 8));
    books.holder_seen({runner_name(v), "uid-" + std::to_string(v), node_name(static_cast<std::uint32_t>(random())), size, size,
                       units(1), false, true, {}, {}, {}});
  }
  return books;
}

}  // namespace neonvm::bench
