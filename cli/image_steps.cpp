#include "cli/image_steps.hpp"

#include <cstdio>

namespace neonvm::cli {

namespace {

constexpr Duration between_lines = std::chrono::milliseconds(100);

Instant now() { return std::chrono::steady_clock::now(); }

}  // namespace

Result<builder::ImageStore> open_images(Context& context) {
  auto config = context.config();
  if (!config) return config.error();
  return builder::ImageStore::at((*config)->home + "/images");
}

void ImageSteps::begin(const std::string& what, std::uint64_t total) {
  end_step();
  what_ = what;
  total_ = total;
  done_ = 0;
  began_ = now();
  if (!quiet_ && stderr_is_terminal()) progress_.say(what);
}

std::string ImageSteps::line(double passed) const {
  std::string text = what_ + ": " + human(Bytes{done_});
  if (total_ > done_) text += " of " + human(Bytes{total_});
  char rate[48] = "";
  if (passed > 0.01) std::snprintf(rate, sizeof rate, ", %.0f MiB/s", static_cast<double>(done_) / static_cast<double>(mib) / passed);
  return text + rate;
}

void ImageSteps::advance(std::uint64_t bytes) {
  done_ += bytes;
  if (quiet_ || !stderr_is_terminal() || now() - shown_ < between_lines) return;
  shown_ = now();
  progress_.say(line(seconds(shown_ - began_)));
}

// One line a step where lines cannot change.
void ImageSteps::end_step() {
  if (what_.empty() || quiet_ || stderr_is_terminal()) return;
  const double passed = seconds(now() - began_);
  std::fprintf(stderr, "%s (%.1f s)\n", (done_ > 0 ? line(passed) : what_).c_str(), passed);
}

void ImageSteps::say(const std::string& remark) {
  progress_.done();
  if (!quiet_) std::fprintf(stderr, "neonvm: %s\n", remark.c_str());
}

void ImageSteps::finish() {
  end_step();
  what_.clear();
  progress_.done();
}

std::string ImageSteps::took() const {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", seconds(now() - first_));
  return text;
}

}  // namespace neonvm::cli
