#include "guest/cpu_tree.hpp"

#include <algorithm>

#include "guest/file_text.hpp"
#include "guest/text_fields.hpp"

namespace neonvm::guest {
namespace {

constexpr std::uint32_t highest_id = 65535;

Error bad_list(std::string_view text) {
  return Error{Code::invalid_argument, "'" + std::string(text) + "' is not a CPU list like 0-3,5"};
}

}  // namespace

Result<std::vector<std::uint32_t>> parse_cpu_list(std::string_view text) {
  const std::string_view whole = trimmed(text);
  std::vector<std::uint32_t> cpus;
  std::string_view rest = whole;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    const std::string_view part = trimmed(rest.substr(0, comma));
    const std::size_t dash = part.find('-');
    const auto first = whole_number<std::uint32_t>(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : whole_number<std::uint32_t>(part.substr(dash + 1));
    if (!first || !last || *last < *first || *last > highest_id) return bad_list(whole);
    for (std::uint32_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(cpu);
    if (cpus.size() > 2 * highest_id) return bad_list(whole);
    if (comma != std::string_view::npos && comma + 1 == rest.size()) return bad_list(whole);
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  }
  std::sort(cpus.begin(), cpus.end());
  cpus.erase(std::unique(cpus.begin(), cpus.end()), cpus.end());
  return cpus;
}

Result<CpuMap> CpuTree::read() const {
  const auto text = read_text(root_ + "/present");
  if (!text) return text.error();
  const auto present = parse_cpu_list(*text);
  if (!present) return present.error().at(root_ + "/present");
  CpuMap map;
  for (const std::uint32_t cpu : *present) {
    const auto state = read_text(root_ + "/cpu" + std::to_string(cpu) + "/online");
    // No such file means that the kernel does not let it be switched off (CPU 0 on most machines).
    const bool on = !state || trimmed(*state) != "0";
    (on ? map.online : map.offline).push_back(cpu);
  }
  return map;
}

Status CpuTree::switch_cpu(std::uint32_t cpu, bool on) const {
  return write_text(root_ + "/cpu" + std::to_string(cpu) + "/online", on ? "1" : "0");
}

std::optional<CpuStep> next_step(const CpuMap& map, std::uint32_t wanted, const std::set<std::uint32_t>& given_up) {
  if (map.online.size() < wanted) {
    for (const std::uint32_t cpu : map.offline) {
      if (!given_up.contains(cpu)) return CpuStep{cpu, true};
    }
  } else if (map.online.size() > wanted) {
    for (auto cpu = map.online.rbegin(); cpu != map.online.rend(); ++cpu) {
      if (*cpu != 0 && !given_up.contains(*cpu)) return CpuStep{*cpu, false};
    }
  }
  return std::nullopt;
}

}  // namespace neonvm::guest
