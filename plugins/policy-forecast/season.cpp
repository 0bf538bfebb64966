#include "plugins/policy-forecast/season.hpp"

#include <algorithm>
#include <cmath>

namespace neonvm::policy_forecast {
namespace {

constexpr double slow = 0.02;         // of error and height: over some fifty slots
constexpr double trend_weight = 0.3;
constexpr std::uint32_t most_seen = 1000;

}  // namespace

Season::Season(std::int64_t season_seconds, std::int64_t slot_seconds, double weight)
    : slot_seconds_(slot_seconds), weight_(weight), slots_(static_cast<std::size_t>(season_seconds / slot_seconds)) {}

double Season::Slot::expected() const { return std::max(0.0, level + trend); }

std::size_t Season::place(std::int64_t number) const {
  return static_cast<std::size_t>(number % static_cast<std::int64_t>(slots_.size()));
}

void Season::add(std::int64_t wall_seconds, double value) {
  if (wall_seconds <= 0 || !std::isfinite(value) || value < 0) return;
  const std::int64_t number = wall_seconds / slot_seconds_;
  if (number < current_) return;
  if (number > current_) {
    if (current_ >= 0) close();
    current_ = number;
    peak_ = 0;
  }
  peak_ = std::max(peak_, value);
}

// The slot that ran is over: what was expected of it is judged, then its peak is learnt.
void Season::close() {
  Slot& slot = slots_[place(current_)];
  if (slot.seen == 0) {
    slot.level = peak_;
  } else {
    const double off = peak_ - slot.expected();
    const double share = judged_ < 1 / slow ? 1.0 / (judged_ + 1) : slow;
    error_ += share * (std::abs(off) - error_);
    height_ += share * (peak_ - height_);
    judged_ = std::min(judged_ + 1, most_seen);
    const double before = slot.level;
    slot.level = slot.level + slot.trend + weight_ * (peak_ - slot.level - slot.trend);
    slot.trend += trend_weight * (slot.level - before - slot.trend);
  }
  slot.seen = std::min(slot.seen + 1, most_seen);
}

std::optional<Prediction> Season::predict(std::int64_t from, std::int64_t to, std::uint32_t seasons) const {
  if (from <= 0 || to < from) return std::nullopt;
  const std::int64_t first = from / slot_seconds_;
  const std::int64_t last = std::min(to / slot_seconds_, first + static_cast<std::int64_t>(slots_.size()) - 1);
  Prediction prediction{0, error_, height_};
  for (std::int64_t number = first; number <= last; ++number) {
    const Slot& slot = slots_[place(number)];
    if (slot.seen < seasons) return std::nullopt;
    prediction.amount = std::max(prediction.amount, slot.expected());
  }
  return prediction;
}

}  // namespace neonvm::policy_forecast
