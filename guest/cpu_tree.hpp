// CpuTree: /sys/devices/system/cpu: which CPUs there are, which run, and the switch of each; and which one to switch next.
//
// Called by guest/cpu_online. Threads: const functions only read; switch_cpu() may be called from a worker, it blocks for
// as long as the kernel needs (40-60 ms each, more when the CPU is busy). Failure: a Result with the path.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/result.hpp"

namespace neonvm::guest {

// "0-3,5" -> 0 1 2 3 5, sorted, each once. Empty text is no CPU. Ids above 65535 are refused.
Result<std::vector<std::uint32_t>> parse_cpu_list(std::string_view text);

struct CpuMap {
  std::vector<std::uint32_t> online, offline;  // sorted; together what is present
};

class CpuTree {
 public:
  explicit CpuTree(std::string root = "/sys/devices/system/cpu") : root_(std::move(root)) {}
  [[nodiscard]] Result<CpuMap> read() const;
  [[nodiscard]] Status switch_cpu(std::uint32_t cpu, bool on) const;

 private:
  std::string root_;
};

struct CpuStep {
  std::uint32_t cpu = 0;
  bool on = false;

  friend bool operator==(const CpuStep&, const CpuStep&) = default;
};

// The next switch towards `wanted` CPUs: lowest ids come first, highest go first, CPU 0 always stays, those in
// `given_up` are left alone. None: reached, or nothing left to try.
std::optional<CpuStep> next_step(const CpuMap& map, std::uint32_t wanted, const std::set<std::uint32_t>& given_up);

}  // namespace neonvm::guest
