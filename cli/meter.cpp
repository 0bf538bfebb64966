#include "cli/meter.hpp"

#include <algorithm>
#include <cstdio>

#include "cli/output.hpp"

namespace neonvm::cli {
namespace {

// "42 s", "7 min", "3.2 h"
std::string written(double left) {
  char text[32];
  std::snprintf(text, sizeof text, left < 99.5 ? "%.0f s" : left < 99.5 * 60 ? "%.0f min" : "%.1f h",
                left < 99.5 ? left : left < 99.5 * 60 ? left / 60 : left / 3600);
  return text;
}

}  // namespace

Meter::~Meter() {
  if (shown_) std::fprintf(stderr, "\r\033[K");
}

void Meter::show(double done, double of) {
  if (name_.empty() || of <= 0 || !stderr_is_terminal()) return;
  const Instant now = std::chrono::steady_clock::now();
  if (now - last_ < std::chrono::milliseconds(200)) return;
  last_ = now;
  const double share = std::min(1.0, done / of), took = seconds(now - began_);
  const int full = static_cast<int>(share * 30);
  const std::string left = share > 0 ? written(took / share - took) + " left" : "";
  std::fprintf(stderr, "\r\033[K%s [%.*s%.*s] %3.0f %%, %s", name_.c_str(), full, "##############################", 30 - full,
               "..............................", share * 100, left.c_str());
  shown_ = true;
}

}  // namespace neonvm::cli
