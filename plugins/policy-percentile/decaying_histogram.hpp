// DecayingHistogram: how often a value was seen, the old counting less and less: its weight halves every half-life.
//
// As the Vertical Pod Autoscaler's recommender keeps use: buckets that grow by 5 % each, and weights that are raised as
// time goes on instead of lowering all others (the scale is brought back when it gets large). A value; fixed size.
#pragma once

#include <array>
#include <cstddef>

#include "core/model/instant.hpp"

namespace neonvm::policy_percentile {

class DecayingHistogram {
 public:
  // `first`: the end of the first bucket; all above about first * 200,000 falls into the last one. REQUIRES both > 0.
  DecayingHistogram(double first, Duration half_life) : first_(first), half_life_(half_life) {}

  // A value counts `weight` as of `at`; not finite or below 0: not at all.
  void add(double value, double weight, Instant at);
  // Takes back what add() of the same three put in, as far as it is there.
  void remove(double value, double weight, Instant at);

  // The end of the first bucket below which at least the share `p` of the weight lies; 0 when empty.
  [[nodiscard]] double percentile(double p) const;
  [[nodiscard]] bool empty() const { return total_ <= tiny; }

 private:
  static constexpr std::size_t buckets = 190;
  static constexpr double growth = 1.05;
  static constexpr double tiny = 1e-9;

  [[nodiscard]] std::size_t bucket_of(double value) const;
  [[nodiscard]] double end_of(std::size_t bucket) const;
  // How much a weight of 1 counts at this moment.
  double scale(Instant at);

  double first_;
  Duration half_life_;
  bool any_ = false;
  Instant reference_{};
  double total_ = 0;
  std::array<double, buckets> weights_{};
};

}  // namespace neonvm::policy_percentile
