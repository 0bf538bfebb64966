#include "core/policy/options.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::policy;
using namespace std::chrono_literals;

namespace {

struct Sample {
  double share = 0.5;
  std::uint32_t turns = 6;
  Duration calm = 60s;
  std::optional<MilliCpu> cpus;
  std::optional<Bytes> memory;
  bool coupled = false;
  int at = 0;
  Settings inside;
};

Result<Sample> read(const Settings& settings) {
  Sample sample;
  OptionReader reader(settings, "sample");
  reader.number("share", sample.share, 0.05, 1);
  reader.count("turns", sample.turns, 1, 60);
  reader.duration("calm", sample.calm, 1s, 1h);
  reader.cpus("cpus", sample.cpus);
  reader.memory("memory", sample.memory);
  reader.yes_or_no("coupled", sample.coupled);
  reader.choice("at", sample.at, {"least", "most"});
  sample.inside = reader.group("of");
  if (Status status = reader.done(); !status) return status.error();
  return sample;
}

std::string refusal(const Settings& settings) {
  const auto sample = read(settings);
  REQUIRE_FALSE(sample);
  CHECK(sample.error().code == Code::invalid_argument);
  return sample.error().message;
}

}  // namespace

TEST_CASE("options: what is named is taken, the rest stays") {
  const auto sample = read({{"share", "0.7"}, {"calm", "15m"}, {"cpus", "250m"}, {"memory", "4Gi"}, {"coupled", "yes"},
                            {"at", "most"}, {"of.calm", "10"}});
  REQUIRE(sample);
  CHECK(sample->share == 0.7);
  CHECK(sample->turns == 6);
  CHECK(sample->calm == 15min);
  CHECK(sample->cpus->value == 250);
  CHECK(sample->memory->value == 4 * gib);
  CHECK(sample->coupled);
  CHECK(sample->at == 1);
  CHECK(sample->inside == Settings{{"calm", "10"}});
}

TEST_CASE("options: refusals name key, value and range") {
  CHECK(refusal({{"share", "2"}}) == "share: \"2\" is not a number from 0.05 to 1");
  CHECK(refusal({{"share", "nan"}}) == "share: \"nan\" is not a number from 0.05 to 1");
  CHECK(refusal({{"share", "0.5x"}}) == "share: \"0.5x\" is not a number from 0.05 to 1");
  CHECK(refusal({{"turns", "1.5"}}) == "turns: \"1.5\" is not a whole number");
  CHECK(refusal({{"turns", ""}}) == "turns: \"\" is not a number from 1 to 60");
  CHECK(refusal({{"calm", "2h"}}) == "calm: \"2h\" is not a time from 1s to 1h, such as 90s, 15m, 24h or 7d");
  CHECK(refusal({{"cpus", "0"}}) == "cpus: \"0\" is not above 0; give a number of CPUs, such as 2, 0.25 or 250m");
  CHECK_THAT(refusal({{"memory", "-1"}}), Catch::StartsWith("memory: \"-1\" is negative"));
  CHECK(refusal({{"at", "mots"}}) == "at: \"mots\" is not one of least, most; did you mean most?");
  CHECK(refusal({{"coupled", "true"}}) == "coupled: \"true\" is not one of no, yes");
}

TEST_CASE("options: unknown keys get a suggestion and the list") {
  CHECK(refusal({{"clam", "1"}}) == "\"clam\": no option of sample; did you mean calm?; there is at, calm, coupled, "
                                    "cpus, memory, of.…, share, turns");
  CHECK_THAT(refusal({{"of.", "1"}}), Catch::StartsWith("\"of.\": no option of sample"));
  CHECK(OptionReader({{"x", "1"}}, "none").done().error().message == "\"x\": no option of none; there is none");
}

TEST_CASE("options: all faults at once") {
  CHECK(refusal({{"share", "2"}, {"turns", "0"}}) ==
        "share: \"2\" is not a number from 0.05 to 1; turns: \"0\" is not a number from 1 to 60");
}

TEST_CASE("options: durations") {
  CHECK(parse_duration("1.5h") == 90min);
  CHECK(parse_duration("90") == 90s);
  CHECK_FALSE(parse_duration("-1s"));
  CHECK_FALSE(parse_duration("1e300d"));
  CHECK_FALSE(parse_duration("h"));
  CHECK(duration_text(90s) == "90s");
  CHECK(duration_text(48h) == "2d");
  CHECK(duration_text(500ms) == "0.5s");
}
