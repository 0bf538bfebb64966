// The bytes of a watch, and bodies of an API server's answers.
#include <cstddef>
#include <cstdint>

#include "plugins/orchestrator-k8s/api_error.hpp"
#include "plugins/orchestrator-k8s/event_json.hpp"
#include "plugins/orchestrator-k8s/lease_book.hpp"
#include "plugins/orchestrator-k8s/watch_state.hpp"
#include "plugins/orchestrator-k8s/watch_stream.hpp"
#include "tests/fuzz/settled.hpp"

using namespace neonvm;

namespace {

void follow(Kind kind, std::string_view bytes) {
  k8s::WatchStream stream;
  k8s::WatchState state(kind);
  state.begin_list();
  state.end_list(1);
  // Torn in the middle, as a network does.
  for (const std::string_view part : {bytes.substr(0, bytes.size() / 2), bytes.substr(bytes.size() / 2)}) {
    const auto lines = stream.feed(part);
    if (!lines.ok()) return;
    for (const std::string& line : *lines) {
      auto event = k8s::decode_event(kind, line);
      if (!event.ok()) continue;
      if (event->unreadable) state.saw_unreadable(*event->unreadable);
      else if (event->type == k8s::EventType::bookmark) state.bookmark(event->version);
      else if (event->type != k8s::EventType::error) state.saw(event->type, std::move(event->object));
    }
  }
  while (const auto change = state.take()) {
    if (change->kind == ChangeKind::synced) continue;
    fuzz::require(!change->object.uid.empty() && !change->object.name.empty(), "a change of nothing", bytes);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const Kind kind : {Kind::virtual_machine, Kind::migration, Kind::node, Kind::runner}) {
    follow(kind, text);
    (void)k8s::decode_list(kind, text);
  }
  (void)k8s::decode_event_list(text);
  (void)k8s::decode_event_change(text);
  (void)k8s::decode_lease(text);
  const Error error = k8s::api_error("what", 500, text);
  fuzz::require(error.message.find('\x1b') == std::string::npos, "an escape sequence in an error", error.message);
  return 0;
}
