// Agenda: what comes first of what the VMs of a node have before them, one thing each.
//
// Used by SimulatedNode for one run. A tournament over the places: putting or removing an entry plays again only the
// games between its leaf and the root, and of equal times the lower place wins.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "core/model/instant.hpp"

namespace neonvm::simulate {

class Agenda {
 public:
  explicit Agenda(std::size_t places)
      : leaves_(std::bit_ceil(std::max<std::size_t>(places, 1))), at_(leaves_, nothing), winners_(2 * leaves_) {
    for (std::size_t i = 0; i < leaves_; ++i) winners_[leaves_ + i] = static_cast<std::uint32_t>(i);
    for (std::size_t game = leaves_; game-- > 1;) winners_[game] = winners_[2 * game];
  }

  // The place of the first of all. REQUIRES !empty()
  [[nodiscard]] std::size_t first() const { return winners_[1]; }
  [[nodiscard]] Instant at(std::size_t place) const { return at_[place]; }
  [[nodiscard]] bool empty() const { return at_[first()] == nothing; }

  // REQUIRES at != Instant::max()
  void put(std::size_t place, Instant at) { at_[place] = at, play(place); }
  void remove(std::size_t place) {
    if (at_[place] != nothing) at_[place] = nothing, play(place);
  }

 private:
  static constexpr Instant nothing = Instant::max();

  void play(std::size_t place) {
    for (std::size_t game = (place + leaves_) / 2; game >= 1; game /= 2) {
      const std::uint32_t left = winners_[2 * game], right = winners_[2 * game + 1];
      winners_[game] = at_[right] < at_[left] ? right : left;
    }
  }

  std::size_t leaves_;
  std::vector<Instant> at_;
  std::vector<std::uint32_t> winners_;    // by game: the place that wins it; game 1 is the last, a leaf is a game of its own
};

}  // namespace neonvm::simulate
