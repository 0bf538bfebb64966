// What an outsider does: install the header or the package, build a policy in a folder of his own, load it.
#include "core/plugin/catalog.hpp"
#include "tests/core/plugin/scratch.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::plugin;
namespace fs = std::filesystem;

namespace {

// Only what belongs to the component is installed, so nothing else needs to be built.
void install(const std::string& component, const fs::path& prefix) {
  run(CMAKE_PROGRAM " --install " BUILD_FOLDER " --prefix " + prefix.string() + " --component " + component);
}

std::string shown_symbols(const fs::path& library) { return run("nm -D --defined-only " + library.string()); }

}  // namespace

TEST_CASE("outside: a policy in C, with the installed header alone") {
  const Scratch scratch;
  const fs::path prefix = scratch.path() / "prefix";
  install("plugin-api", prefix);
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(prefix)) files += entry.is_regular_file() ? 1 : 0;
  CHECK(files == 1);

  fs::copy_file(OUTSIDE_FOLDER "/tiny_plugin.c", scratch.path() / "tiny_plugin.c");
  const fs::path library = scratch.path() / "tiny.so";
  run("cd " + scratch.path().string() + " && " CC_PROGRAM " -std=c11 -pedantic -Wall -Wextra -Werror -fPIC -shared "
      "-fvisibility=hidden -Iprefix/include -o tiny.so tiny_plugin.c");
  const std::string symbols = shown_symbols(library);
  CHECK_THAT(symbols, Catch::EndsWith(" T neonvm_plugin_v1\n"));
  CHECK(std::count(symbols.begin(), symbols.end(), '\n') == 1);

  const auto policy = Catalog({}, {}).open_policy(library.string());
  REQUIRE(policy);
  GuestSample sample;
  sample.runnable = 5;
  PolicyInput input;
  input.samples = std::span(&sample, 1);
  input.using_now = default_compute_unit;
  const auto goal = (*policy)->decide(input);
  REQUIRE(goal);
  CHECK(goal->wish == Resources{MilliCpu{5000}, Bytes{gib}});
  CHECK(goal->because.at(0).text == "5 tasks want to run");

  // And by its name, from a folder of plugins.
  CHECK(Catalog({}, {scratch.path()}).open_policy("tiny"));
}

TEST_CASE("outside: a policy in C++, with find_package and the SDK") {
  const Scratch scratch;
  const fs::path prefix = scratch.path() / "prefix";
  install("plugin-sdk", prefix);
  fs::copy(OUTSIDE_FOLDER, scratch.path() / "night", fs::copy_options::recursive);
  const std::string flags = SANITIZED ? " -DNEONVM_SANITIZE=ON -DCMAKE_CXX_FLAGS=-fsanitize=address,undefined" : "";
  run("cd " + scratch.path().string() + " && " CMAKE_PROGRAM " -S night -B build -DCMAKE_CXX_COMPILER=" CXX_PROGRAM
      " -DCMAKE_PREFIX_PATH=" + prefix.string() + flags + " && " CMAKE_PROGRAM " --build build");
  const fs::path library = scratch.path() / "build/plugins/policy-night.so";
  const std::string symbols = shown_symbols(library);
  CHECK_THAT(symbols, Catch::EndsWith(" T neonvm_plugin_v1\n"));
  CHECK(std::count(symbols.begin(), symbols.end(), '\n') == 1);

  const PluginInfo info = Catalog::look_at(library);
  CHECK(info.refusal == "");
  CHECK(info.name == "night");
  CHECK(info.version == "2.1");

  const Catalog catalog({}, {});
  const auto policy = catalog.open_policy(library.string(), {{"from", "20"}, {"to", "8"}});
  REQUIRE(policy);
  PolicyInput input;
  input.min = default_compute_unit;
  input.using_now = default_compute_unit * 4;
  input.wall_seconds = 7 * 3600;
  CHECK((*policy)->decide(input)->wish == input.min);
  input.wall_seconds = 12 * 3600;
  const auto goal = (*policy)->decide(input);
  CHECK(goal->wish == input.using_now);
  CHECK(goal->because == std::vector<Because>{{"night", "it is 12 o'clock"}});
  CHECK(goal->ask_again == Duration(std::chrono::minutes(1)));

  CHECK(catalog.open_policy(library.string(), {{"from", "25"}}).error().message ==
        "policy night: from and to are hours, 0 to 23");
  CHECK(catalog.open_policy(library.string(), {{"form", "1"}}).error().message ==
        "policy night: unknown setting \"form\"; it knows from, to");
}
