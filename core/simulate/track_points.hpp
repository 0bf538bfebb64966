// TrackPoints: the readings of one VM of a trace; Spool: where they go once they are many.
//
// Used by the importers and by replay. A track keeps its last few readings in memory and hands every full block to the
// spool, an unlinked file in $TMPDIR (default /var/tmp) mapped into memory: its pages can leave memory at any time, so a
// trace may be longer than memory. No file is made before the first full block. Threads: write with one, then read with any.
// Failure: unavailable, with the folder, when the file cannot be made or its disk is full.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/model/result.hpp"

namespace neonvm::simulate {

struct TracePoint {
  float at = 0;           // seconds since the trace's beginning
  float cpu = 0;          // CPUs
  float memory = 0;       // bytes, anonymous
  float file = 0;         // bytes, file working set
};

class Spool {
 public:
  static constexpr std::size_t block = 256;   // points, 4 KiB

  Spool() = default;
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Room for another block; it lives as long as the spool.
  Result<TracePoint*> another();
  [[nodiscard]] std::size_t bytes() const { return windows_.size() * window; }

 private:
  static constexpr std::size_t window = std::size_t{64} << 20;   // mapped at once
  Status open();
  Status grow();

  std::string folder_;
  int file_ = -1;
  std::vector<void*> windows_;
  std::size_t used_ = 0;                      // of the last window, bytes
};

class TrackPoints {
 public:
  Status add(const TracePoint& point, Spool& spool);
  // All readings are so much later than was said.
  void shift(float seconds) { shift_ = seconds; }
  [[nodiscard]] std::size_t size() const { return blocks_.size() * Spool::block + tail_.size(); }
  // REQUIRES i < size()
  [[nodiscard]] TracePoint operator[](std::size_t i) const {
    const std::size_t full = i / Spool::block;
    TracePoint point = full < blocks_.size() ? blocks_[full][i % Spool::block] : tail_[i % Spool::block];
    point.at += shift_;
    return point;
  }

 private:
  std::vector<const TracePoint*> blocks_;
  std::vector<TracePoint> tail_;
  float shift_ = 0;
};

}  // namespace neonvm::simulate
