// event_json: our Event <-> a core/v1 Event. Pure.
//
// A runner's events are of its Pod. Events that others wrote about our kinds are read too; what they say is made fit for
// a terminal by whoever shows it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ports/orchestrator.hpp"

namespace neonvm::k8s {

// uid: of the object that it is about, as far as it is known. suffix: makes its name unique.
std::string encode_event(const Event& event, const std::string& ns, const std::string& uid, const std::string& suffix,
                         WallTime now);

struct EventPage {
  std::vector<StoredEvent> events;   // those of our kinds, in the server's order
  std::uint64_t version = 0;
  std::string next;
};
Result<EventPage> decode_event_list(std::string_view json);
// What a watch of events says. none: not of our kinds, or a bookmark; Error: the watch is at its end.
Result<std::optional<StoredEvent>> decode_event_change(std::string_view line);

}  // namespace neonvm::k8s
