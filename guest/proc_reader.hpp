// ProcReader: reads the files behind a GuestSample and keeps what the next reading is compared with.
//
// Called by guest/monitor. Threads: one. Lifetime: holds the files open, so that a look costs one pread each. Failure:
// a file that is not there (no PSI in this kernel) is an absent number in the sample, said once in missing().
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "core/model/metrics.hpp"
#include "guest/file_text.hpp"
#include "guest/procfs.hpp"

namespace neonvm::guest {

constexpr Duration least_span = std::chrono::milliseconds(200);

enum class Look { whole, memory_only };  // memory_only: meminfo, vmstat and memory pressure; the quick look

class ProcReader {
 public:
  explicit ProcReader(const std::string& root = "/proc", Look look = Look::whole);

  // Rates are over the time since the call before, or the one before that if it was less than `least_span` ago: the
  // kernel counts CPU time in ticks of 10 ms. `now` becomes the sample's `at`.
  GuestSample sample(Instant now);
  [[nodiscard]] std::vector<std::string> missing() const;

 private:
  struct Source {
    std::string path;
    Fd fd;
    std::string text;
  };
  std::string_view read(Source& source);

  std::array<Source, 8> sources_;
  double ticks_;
  struct Earlier {
    ProcReading reading;
    Instant at{};
  };
  std::optional<Earlier> before_, older_;
};

}  // namespace neonvm::guest
