#include "core/decide/swap_plan.hpp"

#include <algorithm>

#include "core/model/guest_plan.hpp"

namespace neonvm::decide {
namespace {

bool is_on(const SwapArea& area) { return area.size.value > 0; }

std::size_t free_areas(const std::vector<SwapArea>& areas) {
  return static_cast<std::size_t>(std::count_if(areas.begin(), areas.end(), [](const SwapArea& area) { return !is_on(area); }));
}

std::size_t first_free(const std::vector<SwapArea>& areas) {
  return static_cast<std::size_t>(std::find_if_not(areas.begin(), areas.end(), is_on) - areas.begin());
}

// Of those that are on, the one that is least trouble to empty; the largest of equals, so that few are left. areas.size(): none.
std::size_t easiest(const std::vector<SwapArea>& areas) {
  std::size_t best = areas.size();
  for (std::size_t i = 0; i < areas.size(); ++i) {
    if (!is_on(areas[i])) continue;
    const bool better = best == areas.size() || areas[i].used < areas[best].used ||
                        (areas[i].used == areas[best].used && areas[i].size > areas[best].size);
    if (better) best = i;
  }
  return best;
}

// The largest that is more than is wanted: never the one that was just made to take its place. areas.size(): none.
std::size_t to_spare(const std::vector<SwapArea>& areas, Bytes excess) {
  std::size_t best = areas.size();
  for (std::size_t i = 0; i < areas.size(); ++i) {
    if (!is_on(areas[i]) || areas[i].size > excess) continue;
    const bool better = best == areas.size() || areas[i].size > areas[best].size ||
                        (areas[i].size == areas[best].size && areas[i].used < areas[best].used);
    if (better) best = i;
  }
  return best;
}

SwapStep off(std::size_t area) { return SwapStep{false, area, {}}; }

}  // namespace

Bytes swap_total(const std::vector<SwapArea>& areas) {
  Bytes total;
  for (const SwapArea& area : areas) total = total + area.size;
  return total;
}

std::optional<SwapStep> next_swap_step(const std::vector<SwapArea>& areas, Bytes wish) {
  const Bytes total = swap_total(areas);
  if (total == wish) return std::nullopt;
  const std::size_t free = first_free(areas), none = areas.size(), any = easiest(areas);
  if (total < wish) {
    if (free == none) return off(any);
    // The last free one is for moving: what another one holds goes there too, and then that one goes off.
    const Bytes moved = free_areas(areas) > 1 ? Bytes{} : areas[any].size;
    return SwapStep{true, free, wish - total + moved};
  }
  const std::size_t spare = to_spare(areas, total - wish);
  if (spare != none) return off(spare);
  if (free == none) return off(any);
  return SwapStep{true, free, wish - (total - areas[any].size)};
}

std::string swap_refusal(const std::vector<SwapArea>& areas, Bytes wish, Bytes available, Bytes total_memory) {
  Bytes used;
  for (const SwapArea& area : areas) used = used + area.used;
  const Bytes kept = std::max(Bytes{total_memory.value / 20}, Bytes{16 * mib});
  const Bytes room = available > kept ? available - kept : Bytes{};
  if (used <= wish + room) return "";
  const Bytes missing = round_up(used - wish - room, mib);
  return to_string(round_up(used, mib)) + " of swap is in use, and of memory only " + to_string(round_down(room, mib)) + " is free for it: " +
         to_string(missing) + " is missing; give it that much more memory, or keep that much more swap";
}

}  // namespace neonvm::decide
