// What a VM is given that does not last: certificates, which its orchestrator keeps fresh.
#include <utility>

#include "core/daemon/vm_pass.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::daemon {
namespace {

// What is missing may come without a word to us: an issuer that answers, a right that is given.
constexpr Duration tend_retry = std::chrono::seconds(30);
// Timers count from a clock that stops with the machine, certificates by the wall clock's: nothing is slept through for longer.
constexpr Duration longest_rest = std::chrono::hours(24);

}  // namespace

void VmKeeper::tend(const PassPtr& pass) {
  const bool news = std::exchange(tended_generation_, pass->vm->generation) != pass->vm->generation;
  tend_due_ = tend_due_ || news;
  if (!tend_due_ || tend_open_) return;
  tend_open_ = true;
  tend_due_ = false;
  tools_.loop.off_loop(
      [&orchestrator = tools_.orchestrator, vm = *pass->vm, limit = tools_.settings.call_limit] {
        auto again = orchestrator.tend(vm, call_deadline(limit));
        // Only what is due can be late enough to wait for the clock.
        return again && *again && **again > longest_rest ? Result<std::optional<Duration>>(longest_rest) : again;
      },
      [this, weak = std::weak_ptr(alive_)](const Result<std::optional<Duration>>& again) {
        if (!weak.expired()) tended(again);
      });
}

void VmKeeper::tended(const Result<std::optional<Duration>>& again) {
  tend_open_ = false;
  const std::string before = std::exchange(tend_why_, again ? "" : again.error().message);
  if (!again && tend_why_ != before) runtime::log_warning("controller", "a certificate is missing", {{"vm", name_}, {"why", tend_why_}});
  const std::optional<Duration> rest = again ? *again : std::optional(tend_retry);
  if (rest) {
    tend_timer_ = tools_.loop.after(*rest, [this] {
      tend_due_ = true;
      tools_.look_at(name_);
    });
  }
  if (tend_why_ != before || tend_due_) tools_.look_at(name_);
}

}  // namespace neonvm::daemon
