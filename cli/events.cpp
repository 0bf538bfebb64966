// neonvm events: what happened, to one VM or to all.
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/output.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::cli {

namespace {

struct EventOptions {
  std::string name, output = "text";
  bool follow = false;
};

void print(const StoredEvent& stored, const EventOptions& options) {
  const Event& event = stored.event;
  if (!options.name.empty() && event.name != options.name) return;
  if (options.output == "json") {
    std::cout << wire::encode(event) << std::endl;
    return;
  }
  const Colour colour = event.warning ? Colour::warn : Colour::none;
  std::cout << time_text(event.at) << "  " << event.name << "  " << paint(colour, event.reason) << "  " << event.message;
  if (event.revision != 0) std::cout << paint(Colour::dim, "  rev=" + std::to_string(event.revision));
  std::cout << std::endl;
}

Result<int> show_events(Context& context, const EventOptions& options) {
  auto orchestrator = context.orchestrator();
  if (!orchestrator) return orchestrator.error();
  auto events = (*orchestrator)->events(0, soon());
  if (!events) return events.error();
  std::uint64_t last = 0;
  for (const StoredEvent& stored : *events) {
    print(stored, options);
    last = stored.sequence;
  }
  while (options.follow && std::cout) {
    auto more = (*orchestrator)->wait_events(last, std::chrono::steady_clock::now() + std::chrono::minutes(1));
    if (!more) return more.error();
    for (const StoredEvent& stored : *more) {
      print(stored, options);
      last = stored.sequence;
    }
  }
  return 0;
}

}  // namespace

Command events_command() {
  return {"events", "Why", "Show what happened", [](Options& o) {
            auto options = std::make_shared<EventOptions>();
            o.positional("name", options->name, "vm", "Only of this VM", false);
            o.flag("-f,--follow", options->follow, "Go on as more happens");
            o.choice("-o,--output", options->output, {"text", "json"}, "How to print");
            return [options](Context& context) { return show_events(context, *options); };
          }};
}

}  // namespace neonvm::cli
