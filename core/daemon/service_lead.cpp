#include "core/daemon/service_lead.hpp"

#include <utility>

#include "core/daemon/world.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::daemon {
namespace {

constexpr Duration seen_to_every = std::chrono::seconds(5), led_again_after = std::chrono::seconds(1);

}  // namespace

void ServiceLead::start() {
  loop_.off_loop([&orchestrator = orchestrator_, place = place_] { return orchestrator.lead_service(place, call_deadline()); },
                 [this, weak = std::weak_ptr(alive_)](const Status& led) {
                   if (!weak.expired()) answered(led);
                 });
}

void ServiceLead::answered(const Status& led) {
  if (led && !std::exchange(there_, true))
    runtime::log_info("leadership", "the service leads here", {{"service", place_.service}, {"address", place_.address}});
  if (!led && !std::exchange(told_, true))
    runtime::log_warning("leadership", "the service cannot be led here", {{"service", place_.service}, {"error", led.error().message}});
  if (led) told_ = false;
  next_ = loop_.after(led ? seen_to_every : led_again_after, [this] { start(); });
}

}  // namespace neonvm::daemon
