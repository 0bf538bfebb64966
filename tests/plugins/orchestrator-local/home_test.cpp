#include <sys/stat.h>
#include <unistd.h>

#include "core/wire/model_json.hpp"
#include "tests/core/ports/orchestrator_contract.hpp"
#include "tests/plugins/orchestrator-local/temp_home.hpp"

namespace neonvm::local {
namespace {

using contracts::soon;

Error refusal(const std::string& home) {
  const auto opened = open_home(home);
  REQUIRE_FALSE(opened.ok());
  return opened.error();
}

TEST_CASE("a home is made for its user alone") {
  const TempHome home;
  REQUIRE(open_home(home.path).ok());
  CHECK(std::filesystem::status(home.path).permissions() == std::filesystem::perms::owner_all);
  REQUIRE(open_home(home.path + "//").ok());
}

TEST_CASE("a home that others may write to, or own, is refused") {
  const TempHome home;
  REQUIRE(open_home(home.path).ok());
  SECTION("writable by all") {
    ::chmod(home.path.c_str(), 0777);
    const Error error = refusal(home.path);
    CHECK(error.code == Code::permission_denied);
    CHECK(error.message == "others may write to " + home.path + "; run: chmod 700 " + home.path);
  }
  SECTION("writable by a group") {
    ::chmod(home.path.c_str(), 0770);
    CHECK(refusal(home.path).code == Code::permission_denied);
  }
  SECTION("another user's") {
    if (::chown(home.path.c_str(), 12345, 12345) != 0) {
      WARN("no right to give a directory away: not tried");
      return;
    }
    const Error error = refusal(home.path);
    CHECK(error.code == Code::permission_denied);
    CHECK(error.message.find("belongs to user 12345") != std::string::npos);
    (void)::chown(home.path.c_str(), ::geteuid(), ::getegid());
  }
  SECTION("not absolute, or not a directory") {
    CHECK(refusal("here").code == Code::invalid_argument);
    CHECK(refusal("").code == Code::invalid_argument);
    std::ofstream(home.path + "/file") << "x";
    CHECK_FALSE(open_home(home.path + "/file").ok());
  }
}

TEST_CASE("settings: what is given is taken, what makes no sense is named") {
  SECTION("as one document, as the command line gives them") {
    const auto settings = read_settings(
        {{"json",
          R"({"home":"/h","supervise":true,"runnerCommand":["x","runner"],"nodeCount":3,"watermark":0.5,)"
          R"("nodes":[{"name":"a","cpu":"1500m","memory":"2Gi","watermark":0.8,"labels":{"zone":"z"}},{"name":"b"}]})"}});
    REQUIRE(settings.ok());
    CHECK(settings->home == "/h");
    CHECK(settings->supervise);
    CHECK(settings->runner_command == std::vector<std::string>{"x", "runner"});
    REQUIRE(settings->nodes.size() == 2);
    CHECK(settings->nodes[0].capacity == Resources{MilliCpu{1500}, Bytes{2 * gib}});
    CHECK(settings->nodes[0].watermark == 0.8);
    CHECK(settings->nodes[0].labels.at("zone") == "z");
    CHECK(settings->nodes[1].watermark == 0.5);
    CHECK(settings->nodes[1].capacity.cpu.value > 0);
  }
  SECTION("one by one") {
    const auto settings = read_settings({{"home", "/h"}, {"supervise", "true"}, {"nodeCount", "2"}});
    REQUIRE(settings.ok());
    REQUIRE(settings->nodes.size() == 2);
    CHECK(settings->nodes[0].name == "node1");
    CHECK(settings->nodes[1].name == "node2");
    CHECK(settings->nodes[0].capacity == settings->nodes[1].capacity);
    const Resources both = settings->nodes[0].capacity + settings->nodes[1].capacity;
    CHECK(fits_in(both, machine_share()));
  }
  SECTION("one node by default") {
    const auto settings = read_settings({{"home", "/h"}});
    REQUIRE(settings->nodes.size() == 1);
    CHECK(settings->nodes[0].name == "local");
    CHECK_FALSE(settings->supervise);
  }
  const std::vector<std::pair<std::string, std::string>> wrong = {{"json", "[1]"},
                                                                  {"supervise", "maybe"},
                                                                  {"nodeCount", "0"},
                                                                  {"nodeCount", "65"},
                                                                  {"watermark", "1.5"},
                                                                  {"runnerCommand", "[]"},
                                                                  {"runnerCommand", "[1]"},
                                                                  {"colour", "red"},
                                                                  {"nodes", "{}"},
                                                                  {"nodes", "[{}]"},
                                                                  {"nodes", R"([{"name":"A"}])"},
                                                                  {"nodes", R"([{"name":"a"},{"name":"a"}])"},
                                                                  {"nodes", R"([{"name":"a","cpu":"lots"}])"},
                                                                  {"nodes", R"([{"name":"a","size":1}])"}};
  for (const auto& [name, value] : wrong) {
    INFO(name << " = " << value);
    const auto settings = read_settings({{"home", "/h"}, {name, value}});
    REQUIRE_FALSE(settings.ok());
    CHECK(settings.error().code == Code::invalid_argument);
    CHECK(settings.error().message.find(name == "colour" ? "\"colour\"" : name) != std::string::npos);
  }
  CHECK(read_settings({}).error().message.find("home") != std::string::npos);
}

TEST_CASE("nodes become what the settings say") {
  const TempHome home;
  Settings settings = settings_of(home, true);
  settings.nodes = equal_nodes(3, 0.9, {MilliCpu{6000}, Bytes{6 * gib}});
  {
    const auto door = open_door(settings);
    REQUIRE(door->list(Kind::node, soon())->size() == 3);
    Object runner = contracts::runner_object("lone-1", "web");
    auto spec = *wire::decode_runner_spec(runner.spec);
    spec.node = "node3";
    runner.spec = wire::encode(spec);
    REQUIRE(door->start_runner(runner, soon()).ok());
  }
  settings.nodes = equal_nodes(1, 0.7, {MilliCpu{2000}, Bytes{2 * gib}});
  settings.nodes[0].name = "node1";
  const auto door = open_door(settings);
  const auto one = *wire::decode_node(*door->get(Kind::node, "node1", soon()));
  CHECK(one.watermark == 0.7);
  CHECK(one.capacity == Resources{MilliCpu{2000}, Bytes{2 * gib}});
  CHECK(door->get(Kind::node, "node2", soon()).error().code == Code::not_found);
  // A runner is on it: it stays, and takes no more.
  CHECK_FALSE(wire::decode_node(*door->get(Kind::node, "node3", soon()))->schedulable);
}

}  // namespace
}  // namespace neonvm::local
