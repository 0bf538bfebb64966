#include "core/simulate/laws.hpp"

#include <algorithm>

namespace neonvm::simulate {
namespace {

template <typename Amount>
bool raised_above(Amount from, Amount to, Amount limit) { return to > from && to > limit; }
template <typename Amount>
bool lowered_below(Amount from, Amount to, Amount limit) { return to < from && to < limit; }

}  // namespace

std::optional<BrokenLaw> broken_by(const decide::Scaling& scaling, const decide::Actions& actions) {
  const decide::ScalingBounds& b = scaling.bounds();
  const Resources& wish = actions.wish;
  if (!fits_in(b.min, wish) || !fits_in(wish, b.max))
    return BrokenLaw{"wish", to_string(wish) + " is not within " + to_string(b.min) + " to " + to_string(b.max)};
  const bool at_end = wish.memory == b.max.memory || wish.memory == b.min.memory;
  if (!at_end && wish.memory.value % std::max<std::uint64_t>(b.memory_step.value, 1) != 0)
    return BrokenLaw{"wish", to_string(wish.memory) + " is no multiple of " + to_string(b.memory_step)};
  if (actions.resize) {
    const Resources &from = actions.resize->from, &to = actions.resize->to;
    const Resources permit = scaling.permit().value_or(scaling.asked());
    if (raised_above(from.cpu, to.cpu, permit.cpu) || raised_above(from.memory, to.memory, permit.memory))
      return BrokenLaw{"permit", "a resize to " + to_string(to) + " with a permit for " + to_string(permit)};
    const Resources least = scaling.consent().value_or(field_min(scaling.asked(), b.max));
    if (lowered_below(from.cpu, to.cpu, least.cpu) || lowered_below(from.memory, to.memory, least.memory))
      return BrokenLaw{"consent", "a resize to " + to_string(to) + " where the guest agreed to " + to_string(least)};
  }
  const bool lacks = scaling.asked() != wish || scaling.actual() != wish;
  const bool acts = actions.permit || actions.resize || actions.consent || actions.tell || actions.look;
  if (lacks && !acts && !actions.wake_at)
    return BrokenLaw{"progress", "wants " + to_string(wish) + ", has " + to_string(scaling.actual()) + ", and waits for nothing"};
  return std::nullopt;
}

std::optional<BrokenLaw> broken_on(const decide::NodeTotals& books, const Resources& there) {
  if (!fits_in(books.reserved, books.capacity))
    return BrokenLaw{"books", to_string(books.reserved) + " is reserved of " + to_string(books.capacity)};
  if (!fits_in(there, books.capacity))
    return BrokenLaw{"node", "its VMs have " + to_string(there) + " of " + to_string(books.capacity)};
  return std::nullopt;
}

std::optional<BrokenLaw> broken_bounds(const Resources& actual, const Resources& max) {
  if (fits_in(actual, max)) return std::nullopt;
  return BrokenLaw{"bounds", "has " + to_string(actual) + ", at most " + to_string(max)};
}

}  // namespace neonvm::simulate
