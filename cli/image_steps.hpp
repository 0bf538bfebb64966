// What `neonvm build` and `neonvm image` share: the store of images, and steps told as progress with bytes and rate.
#pragma once

#include <string>

#include "cli/context.hpp"
#include "cli/output.hpp"
#include "vm-builder/image_store.hpp"
#include "vm-builder/steps.hpp"

namespace neonvm::cli {

Result<builder::ImageStore> open_images(Context& context);

class ImageSteps : public builder::Steps {
 public:
  explicit ImageSteps(bool quiet) : quiet_(quiet) {}

  void begin(const std::string& what, std::uint64_t total) override;
  void advance(std::uint64_t bytes) override;
  void say(const std::string& remark) override;
  void finish();
  [[nodiscard]] std::string took() const;  // "3.2 s", since the first step

 private:
  [[nodiscard]] std::string line(double passed) const;
  void end_step();

  bool quiet_;
  Progress progress_;
  std::string what_;
  std::uint64_t done_ = 0, total_ = 0;
  Instant first_ = std::chrono::steady_clock::now(), began_ = first_, shown_{};
};

}  // namespace neonvm::cli
