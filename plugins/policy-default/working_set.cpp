#include "plugins/policy-default/working_set.hpp"

#include <algorithm>
#include <cassert>

namespace neonvm::policy_default {
namespace {

// Upstream's constants.
constexpr double bend_factor = 3.0;
constexpr double horizon = 0.5;

}  // namespace

double estimate(std::span<const double> pages, std::size_t offset, std::size_t window, double factor) {
  assert(window >= 2 && offset >= window - 1 && !pages.empty());
  const std::size_t reach = window - 1;
  for (std::size_t t = offset; t + reach < pages.size(); ++t) {
    const double before = std::max(0.0, pages[t] - pages[t - reach]);
    const double behind = std::max(0.0, pages[t + reach] - pages[t]);
    if (behind > before * factor) return pages[t];
  }
  return pages.back();
}

double project(std::span<const double> pages, double horizon) {
  assert(!pages.empty());
  double highest = pages.front();
  for (std::size_t i = 1; i < pages.size(); ++i) {
    const double from = pages[i - 1];
    const double to = std::max(from, pages[i]);
    highest = std::max(highest, to + (to - from) * horizon);
  }
  return highest;
}

std::optional<WorkingSet> working_set(std::span<const double> pages, const WindowSettings& settings) {
  const auto window = static_cast<std::uint64_t>(settings.window);
  const auto offset = static_cast<std::uint64_t>(settings.min_wait) - 1;
  // Both may be huge: compared so that nothing overflows.
  if (pages.size() < window || pages.size() - window < offset) return std::nullopt;
  WorkingSet result;
  result.estimate = settings.use_largest ? pages.back() : estimate(pages, offset, window, bend_factor);
  std::size_t end = offset;
  while (end < pages.size() && pages[end] <= result.estimate) ++end;
  result.next = project(pages.first(end), horizon);
  return result;
}

}  // namespace neonvm::policy_default
