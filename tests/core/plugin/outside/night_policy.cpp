// night: gives the least between two hours (UTC), leaves the VM as it is otherwise. A whole scaling policy in C++.
#include <charconv>

#include "core/plugin/plugin_sdk.hpp"

namespace {

using neonvm::Code;
using neonvm::Error;
using neonvm::Goal;
using neonvm::PolicyInput;
using neonvm::Result;

class Night final : public neonvm::Policy {
 public:
  static Result<std::unique_ptr<Night>> open(const neonvm::plugin::Options& options) {
    if (const neonvm::Status known = options.only({"from", "to"}); !known) return known.error();
    auto night = std::make_unique<Night>();
    if (!night->read(options, "from", night->from_) || !night->read(options, "to", night->to_)) {
      return Error{Code::invalid_argument, "from and to are hours, 0 to 23"};
    }
    return night;
  }

  Result<Goal> decide(const PolicyInput& input) override {
    const std::int64_t hour = input.wall_seconds / 3600 % 24;
    const bool is_night = from_ <= to_ ? hour >= from_ && hour < to_ : hour >= from_ || hour < to_;
    Goal goal;
    goal.wish = is_night ? input.min : input.using_now;
    goal.because.push_back({"night", "it is " + std::to_string(hour) + " o'clock"});
    goal.ask_again = std::chrono::minutes(1);
    return goal;
  }

 private:
  static bool read(const neonvm::plugin::Options& options, const std::string& name, std::int64_t& hour) {
    const auto setting = options.settings.find(name);
    if (setting == options.settings.end()) return true;
    const std::string& text = setting->second;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), hour);
    return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && hour >= 0 && hour < 24;
  }

  std::int64_t from_ = 22, to_ = 6;
};

}  // namespace

NEONVM_PLUGIN(night, policy, Night);
