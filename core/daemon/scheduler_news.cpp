// What the scheduler tells on nodes (decide/room_news).
#include <algorithm>

#include "core/daemon/metric_families.hpp"
#include "core/daemon/scheduler.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::daemon {

void Scheduler::refused(const decide::Booking& wanted, const std::vector<std::string>& nodes) {
  if (settings_.show_room) news_.refused(wanted.holder, taken(wanted), nodes, loop_.now());
}

// What it would book now; none: its VM is not there any more, or cannot be read.
std::optional<Resources> Scheduler::wanted_by(const std::string& runner) const {
  const SeenRunner* seen = view_.runner(runner);
  if (seen == nullptr) return std::nullopt;
  const auto booking = booking_for(*seen);
  return booking ? std::optional(taken(*booking)) : std::nullopt;
}

void Scheduler::tell_news() {
  if (!settings_.show_room || !ready_) return;
  for (const std::string& pod : news_.overdue(loop_.now())) {
    const decide::Booking* booked = ledger_.find(pod);
    news_.look(pod, wanted_by(pod), booked == nullptr ? "" : booked->node, loop_.now());
  }
  for (const decide::RoomNote& note : news_.next(loop_.now())) {
    news_.telling(note, loop_.now());
    loop_.off_loop([&orchestrator = orchestrator_, note] { return orchestrator.show_room(note.node, note.free, note.came, call_deadline()); },
                   [this, weak = std::weak_ptr(alive_), note](const Status& answer) {
                     if (!weak.expired()) news_told(note, answer);
                   });
  }
  const auto again = news_.look_again();
  if (again) news_timer_ = loop_.at(*again, [this] { tell_news(); });
}

void Scheduler::news_told(const decide::RoomNote& note, const Status& answer) {
  metrics_.counter(families::room_notes, {answer ? "told" : "failed"}).add();
  if (answer || answer.error().code == Code::not_found) {
    news_.told(note.node);
  } else {
    if (!std::exchange(news_fail_, true))
      runtime::log_warning("scheduler", "what is free cannot be shown on a node", {{"node", note.node}, {"error", answer.error().message}});
    news_.failed(note, loop_.now());
  }
  if (answer) news_fail_ = false;
  tell_news();
}

}  // namespace neonvm::daemon
