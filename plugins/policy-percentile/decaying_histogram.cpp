#include "plugins/policy-percentile/decaying_histogram.hpp"

#include <algorithm>
#include <cmath>

#include "core/policy/figures.hpp"

namespace neonvm::policy_percentile {
namespace {

constexpr double most_half_lives = 30;  // before the scale is brought back: 2^30 is well within a double

}  // namespace

// Ends form a geometric series: first * (1 + 1.05 + 1.05^2 + …).
double DecayingHistogram::end_of(std::size_t bucket) const {
  return first_ * (std::pow(growth, static_cast<double>(bucket + 1)) - 1) / (growth - 1);
}

std::size_t DecayingHistogram::bucket_of(double value) const {
  if (value < first_) return 0;
  const double n = std::log(value * (growth - 1) / first_ + 1) / std::log(growth);
  const auto bucket = static_cast<std::size_t>(std::min(n, static_cast<double>(buckets - 1)));
  return std::min(bucket, buckets - 1);
}

double DecayingHistogram::scale(Instant at) {
  if (!any_) {
    any_ = true;
    reference_ = at;
  }
  const auto passed = policy::age(reference_, at);
  if (!passed) return 1;  // before the reference: too little of a difference to matter
  double half_lives = seconds(*passed) / seconds(half_life_);
  if (half_lives > most_half_lives) {
    const double fade = std::exp2(-half_lives);
    for (double& weight : weights_) weight *= fade;
    total_ *= fade;
    reference_ = at;
    half_lives = 0;
  }
  return std::exp2(half_lives);
}

void DecayingHistogram::add(double value, double weight, Instant at) {
  if (!(value >= 0) || !std::isfinite(value) || !(weight > 0) || !std::isfinite(weight)) return;
  const double amount = weight * scale(at);
  weights_[bucket_of(value)] += amount;
  total_ += amount;
}

void DecayingHistogram::remove(double value, double weight, Instant at) {
  if (!(value >= 0) || !std::isfinite(value) || !(weight > 0) || !std::isfinite(weight)) return;
  double& there = weights_[bucket_of(value)];
  const double amount = std::min(weight * scale(at), there);
  there -= amount;
  total_ = std::max(0.0, total_ - amount);
}

double DecayingHistogram::percentile(double p) const {
  if (empty()) return 0;
  double below = 0;
  for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
    below += weights_[bucket];
    if (below >= p * total_ - tiny) return end_of(bucket);
  }
  return end_of(buckets - 1);
}

}  // namespace neonvm::policy_percentile
