// Steps: told what a build is doing, so that somebody who waits can see bytes and rate. Called on the building thread.
#pragma once

#include <cstdint>
#include <string>

namespace neonvm::builder {

class Steps {
 public:
  virtual ~Steps() = default;
  // `total` 0: not known.
  virtual void begin(const std::string& what, std::uint64_t total) = 0;
  virtual void advance(std::uint64_t bytes) = 0;
  virtual void say(const std::string& remark) = 0;
};

class SilentSteps : public Steps {
 public:
  void begin(const std::string&, std::uint64_t) override {}
  void advance(std::uint64_t) override {}
  void say(const std::string&) override {}
};

}  // namespace neonvm::builder
