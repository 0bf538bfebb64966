#include "plugins/policy-forecast/options.hpp"

namespace neonvm::policy_forecast {

using namespace std::chrono_literals;

Result<ForecastOptions> read_options(const policy::Settings& settings) {
  ForecastOptions options;
  int season = 0;
  policy::OptionReader read(settings, "forecast");
  read.choice("season", season, {"day", "week"});
  read.duration("slot", options.slot, 5min, 1h);
  read.duration("lead", options.lead, 0s, 3h);
  read.count("seasons", options.seasons, 1, 30);
  read.number("deviations", options.deviations, 0, 5);
  read.number("weight", options.weight, 0.05, 1);
  read.number("cpu-target", options.cpu_target, 0.05, 1);
  read.number("memory-target", options.memory_target, 0.05, 0.99);
  read.number("distrust", options.distrust, 0.05, 10);
  read.text("of", options.of);
  options.of_settings = read.group("of");
  if (options.slot % 1s != 0s || 1h % options.slot != 0s) {
    read.refuse("slot", "\"" + settings.at("slot") + "\" does not part an hour; give 5m, 10m, 15m, 20m, 30m or 1h");
  }
  if (Status status = read.done(); !status) return status.error();
  options.weekly = season == 1;
  return options;
}

}  // namespace neonvm::policy_forecast
