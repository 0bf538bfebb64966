#include "plugins/hypervisor-qemu/named_descriptors.hpp"

#include <charconv>
#include <string_view>

namespace neonvm::qemu {

std::optional<int> named_descriptor(const std::string& path) {
  constexpr std::string_view folder = "/proc/self/fd/";
  if (!path.starts_with(folder)) return std::nullopt;
  int number = -1;
  const char* const end = path.data() + path.size();
  const auto [rest, error] = std::from_chars(path.data() + folder.size(), end, number);
  if (error != std::errc() || rest != end || number < 0) return std::nullopt;
  return number;
}

std::vector<int> named_descriptors(const MachineSpec& spec) {
  std::vector<int> numbers;
  for (const MachineDisk& disk : spec.disks) {
    for (const std::string* path : {&disk.path, &disk.backing}) {
      if (const auto number = named_descriptor(*path)) numbers.push_back(*number);
    }
  }
  for (const MachineNetwork& network : spec.networks)
    if (const auto number = named_descriptor(network.tap)) numbers.push_back(*number);
  return numbers;
}

}  // namespace neonvm::qemu
