#include <sched.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "plugins/orchestrator-local/settings.hpp"
#include "plugins/orchestrator-local/text_file.hpp"

namespace neonvm::local {
namespace {

constexpr std::uint64_t of_memory_percent = 80;  // the rest: the system, runners, QEMU's own memory

std::uint32_t usable_cpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0) return static_cast<std::uint32_t>(CPU_COUNT(&allowed));
  return static_cast<std::uint32_t>(std::max(1, ::get_nprocs()));
}

// Path of our cgroup (v2), "/" at the root; empty without one.
std::string own_cgroup() {
  std::istringstream lines(read_file("/proc/self/cgroup").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("0::")) return line.substr(3);
  }
  return {};
}

// A limit counts wherever it stands between us and the root.
Resources within_cgroups(Resources share) {
  for (std::string group = own_cgroup(); !group.empty();) {
    const std::string folder = "/sys/fs/cgroup" + (group == "/" ? "" : group);
    const std::string memory = read_file(folder + "/memory.max").value_or("max");
    if (!memory.starts_with("max")) {
      share.memory = std::min(share.memory, Bytes{std::strtoull(memory.c_str(), nullptr, 10)});
    }
    std::istringstream cpu(read_file(folder + "/cpu.max").value_or("max"));
    std::uint64_t quota = 0, period = 0;
    if (cpu >> quota >> period && period > 0) {
      const auto milli = std::min<std::uint64_t>(quota * 1000 / period, UINT32_MAX);
      share.cpu = std::min(share.cpu, MilliCpu{static_cast<std::uint32_t>(milli)});
    }
    if (group == "/") break;
    group.resize(std::max<std::size_t>(group.rfind('/'), 1));
  }
  return share;
}

}  // namespace

Resources machine_share() {
  struct sysinfo machine {};
  ::sysinfo(&machine);
  const Bytes memory{std::uint64_t{machine.totalram} * machine.mem_unit};
  Resources share = within_cgroups({MilliCpu{usable_cpus() * 1000}, memory});
  share.memory = Bytes{share.memory.value / 100 * of_memory_percent};
  return share;
}

std::vector<Node> equal_nodes(unsigned count, double watermark, const Resources& whole) {
  std::vector<Node> nodes;
  for (unsigned i = 0; i < count; ++i) {
    Node node;
    node.name = count == 1 ? "local" : "node" + std::to_string(i + 1);
    node.capacity = {MilliCpu{whole.cpu.value / count}, round_down(Bytes{whole.memory.value / count}, mib)};
    node.watermark = watermark;
    nodes.push_back(std::move(node));
  }
  return nodes;
}

}  // namespace neonvm::local
