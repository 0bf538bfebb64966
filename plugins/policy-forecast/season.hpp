// Season: what one figure (CPUs wanted, bytes needed) was at this time of earlier days or weeks, and where it goes.
//
// Each slot of the day (or week) keeps the smoothed peak of that time and its smoothed step from season to season (Holt's
// linear method, 1957, one per slot); and how far all forecasts were off lately. A slot counts when it is over.
// Kept per VM and figure; its size is fixed when it is made.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/model/instant.hpp"

namespace neonvm::policy_forecast {

struct Prediction {
  double amount = 0;          // the highest expected within the time looked at
  double error = 0;           // usual error, in the same unit
  double height = 0;          // the usual peak of a slot, to weigh the error against
};

class Season {
 public:
  // REQUIRES slot_seconds dividing season_seconds.
  Season(std::int64_t season_seconds, std::int64_t slot_seconds, double weight);

  // The highest value counts. Values of slots before the current one are dropped.
  void add(std::int64_t wall_seconds, double value);

  // The highest forecast of the slots that [from, to] touches; none unless each of them has been seen `seasons` times.
  [[nodiscard]] std::optional<Prediction> predict(std::int64_t from, std::int64_t to, std::uint32_t seasons) const;

 private:
  struct Slot {
    double level = 0, trend = 0;
    std::uint32_t seen = 0;
    [[nodiscard]] double expected() const;
  };

  void close();
  [[nodiscard]] std::size_t place(std::int64_t number) const;

  std::int64_t slot_seconds_;
  double weight_;
  std::vector<Slot> slots_;
  double error_ = 0, height_ = 0;
  std::uint32_t judged_ = 0;      // slots that were forecast and are over
  std::int64_t current_ = -1;     // number of the slot that runs, since the epoch
  double peak_ = 0;
};

}  // namespace neonvm::policy_forecast
