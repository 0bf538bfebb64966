// SampleWindow: the newest samples of one guest, oldest first and in one piece, as policies read them.
//
// Owned by VmScaler, one a VM: an agent has hundreds, so a window is kept once and has little room to spare. Loop thread only.
#pragma once

#include <span>
#include <vector>

#include "core/model/metrics.hpp"

namespace neonvm::daemon {

class SampleWindow {
 public:
  // Forgets what is older than `kept` before this one.
  void add(const GuestSample& sample, Duration kept) {
    if (samples_.size() == samples_.capacity()) make_room();
    samples_.push_back(sample);
    while (begin_ + 1 < samples_.size() && sample.at - samples_[begin_].at > kept) samples_[begin_++] = {};
  }
  void clear() {
    samples_.clear();
    begin_ = 0;
  }
  [[nodiscard]] std::span<const GuestSample> all() const { return std::span(samples_).subspan(begin_); }
  [[nodiscard]] bool empty() const { return samples_.empty(); }
  [[nodiscard]] const GuestSample& newest() const { return samples_.back(); }  // REQUIRES !empty()

 private:
  static constexpr std::size_t step = 16;

  // Doubling would have room for two windows in the end.
  void make_room() {
    samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(begin_));
    if (begin_ < step) samples_.reserve(samples_.size() + step);
    begin_ = 0;
  }

  std::vector<GuestSample> samples_;
  std::size_t begin_ = 0;              // what is before it is forgotten
};

}  // namespace neonvm::daemon
