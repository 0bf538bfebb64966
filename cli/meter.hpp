// Meter: on a terminal one moving line on stderr: name, share done, time left. Gone when the meter is. Threads: one.
#pragma once

#include <string>

#include "core/model/instant.hpp"

namespace neonvm::cli {

class Meter {
 public:
  // Without a name nothing is shown.
  explicit Meter(std::string name) : name_(std::move(name)) {}
  ~Meter();
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;
  // of: 0 where that is not known; then nothing is shown.
  void show(double done, double of);

 private:
  std::string name_;
  Instant began_ = std::chrono::steady_clock::now(), last_{};
  bool shown_ = false;
};

}  // namespace neonvm::cli
