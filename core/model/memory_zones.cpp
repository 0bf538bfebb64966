#include "core/model/memory_zones.hpp"

#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "core/model/vm.hpp"

namespace neonvm {
namespace {

// 64 bytes of struct page and 8 bytes of page table for 4096: 9 / 512.
constexpr std::uint64_t upkeep_parts = 9;
constexpr std::uint64_t upkeep_whole = 512;

// Of the base memory: the kernel's image and what it and a bare user land take, measured with the default guest.
constexpr Bytes taken_at_boot{40 * mib};

constexpr double everything = std::numeric_limits<double>::infinity();

Bytes usable_base(Bytes base) { return base - taken_at_boot - Bytes{base.value / 64}; }

Bytes scaled(Bytes bytes, double factor) {
  constexpr double most = 9.0e18;
  const double value = static_cast<double>(bytes.value) * factor;
  return Bytes{value < most ? static_cast<std::uint64_t>(value) : std::numeric_limits<std::uint64_t>::max()};
}

std::optional<double> percent(std::string_view text) {
  std::uint64_t number = 0;
  if (text.empty() || text.size() > 9) return std::nullopt;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return static_cast<double>(number) / 100;
}

// The kernel treats '-' and '_' in parameter names alike.
bool is_parameter(std::string_view word, std::string_view name, std::string_view& value) {
  if (word.size() <= name.size() || word[name.size()] != '=') return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = word[i] == '-' ? '_' : word[i];
    if (c != name[i]) return false;
  }
  value = word.substr(name.size() + 1);
  return true;
}

}  // namespace

Onlining Onlining::all_movable() { return {everything}; }

Onlining Onlining::of_cmdline(std::string_view cmdline, Onlining usual) {
  double ratio = usual.movable_ratio;
  bool movable = std::isinf(usual.movable_ratio);
  const auto ratio_or_kernels = [&ratio] { return std::isinf(ratio) ? 3.01 : ratio; };
  while (!cmdline.empty()) {
    const std::size_t end = cmdline.find(' ');
    const std::string_view word = cmdline.substr(0, end);
    cmdline.remove_prefix(end == std::string_view::npos ? cmdline.size() : end + 1);
    std::string_view value;
    if (is_parameter(word, "memory_hotplug.auto_movable_ratio", value)) {
      ratio = percent(value).value_or(ratio);
    } else if (is_parameter(word, "memhp_default_state", value)) {
      // "offline": our monitor switches on what the kernel leaves off, as movable.
      movable = value == "online_movable" || value == "offline";
      if (value == "online_kernel") ratio = 0;
    }
  }
  return {movable ? everything : ratio_or_kernels()};
}

Onlining onlining_of(const VmSpec& spec) {
  const bool boots_itself = spec.kernel == "firmware";
  return Onlining::of_cmdline(spec.kernel_cmdline, boots_itself ? Onlining::all_movable() : our_onlining);
}

Bytes upkeep_of(Bytes plugged) {
  return Bytes{plugged.value / upkeep_whole * upkeep_parts + plugged.value % upkeep_whole * upkeep_parts / upkeep_whole};
}

Bytes kept_by(Bytes room) {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max() / upkeep_whole;
  return Bytes{std::min(room.value, most) * upkeep_whole / upkeep_parts};
}

Bytes movable_part(Bytes plugged, Bytes kernel, Onlining onlining) {
  if (std::isinf(onlining.movable_ratio)) return plugged;
  const double ratio = onlining.movable_ratio;
  const Bytes at_once = scaled(kernel, ratio);
  if (plugged <= at_once) return plugged;
  return std::min(plugged, at_once + scaled(plugged - at_once, ratio / (1 + ratio)));
}

Bytes most_on_base(Bytes base, Onlining onlining) {
  const Bytes kept = kept_by(usable_base(base));
  const bool kernel_blocks_come = !std::isinf(onlining.movable_ratio) && scaled(base, onlining.movable_ratio) <= kept;
  return kernel_blocks_come ? Bytes{std::numeric_limits<std::uint64_t>::max()} : base + kept;
}

Bytes least_base(Bytes most, Onlining onlining) {
  std::uint64_t low = 0, high = most.value;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (most_on_base(Bytes{middle}, onlining) >= most) high = middle;
    else low = middle + 1;
  }
  return Bytes{low};
}

}  // namespace neonvm
