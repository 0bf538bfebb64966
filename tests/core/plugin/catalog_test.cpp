#include "core/plugin/catalog.hpp"

#include <sys/stat.h>

#include <array>
#include <cstdlib>
#include <map>

#include "core/plugin/plugin_folder.hpp"
#include "tests/core/plugin/scratch.hpp"
#include "tests/core/plugin/scripted_hypervisor.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::plugin;
namespace fs = std::filesystem;

extern "C" const neonvm_plugin_descriptor* neonvm_plugin_v1_policy_default(void);
extern "C" const neonvm_plugin_descriptor* neonvm_plugin_v1_policy_tiny(void);

namespace {

const std::array<neonvm_plugin_getter, 3> builtins{
    neonvm_plugin_v1_policy_default, neonvm_plugin_v1_policy_tiny, neonvm_plugin_v1_hypervisor_scripted};

std::string odd(const std::string& name) { return ODD_FOLDER "/" + name + ".so"; }

// What the catalog says of a path when it is asked for a policy.
Error refusal(const std::string& path) {
  const auto policy = Catalog({}, {}).open_policy(path);
  REQUIRE_FALSE(policy.ok());
  return policy.error();
}

std::string reason(const std::string& name) { return Catalog::look_at(odd(name)).refusal; }

}  // namespace

TEST_CASE("catalog: each plugin that does not fit is refused with its reason") {
  CHECK(reason("other_major") ==
        "is built for plugin ABI 2.1, but this neonvm has 1.1: another major version; rebuild the plugin");
  CHECK(reason("newer_minor") == "is built for plugin ABI 1.2, but this neonvm has 1.1: it is newer; update neonvm");
  CHECK(reason("no_symbol") == "exports no neonvm_plugin_v1, so it is no neonvm plugin");
  CHECK(reason("no_descriptor") == "its getter answers no descriptor");
  CHECK(reason("tiny_descriptor") == "its descriptor has only 8 bytes");
  CHECK(reason("short_descriptor") == "its descriptor has 48 bytes, fewer than the 56 of ABI 1.0");
  CHECK(reason("no_table") == "has no table of calls");
  CHECK(reason("short_table") == "lacks the required call \"decide\" (its table has 8 bytes)");
  CHECK(reason("null_slot") == "lacks the required call \"decide\" (its table has 16 bytes)");
  CHECK(reason("bad_name") == "its name is not 1 to 63 lower-case letters, digits, '-' or '_'");
  CHECK(reason("unknown_kind") == "is of the unknown kind 9");
  CHECK(reason("small_hypervisor") == "lacks the required call \"attach\" (its table has 16 bytes)");
  CHECK(reason("odd_code").empty());
}

TEST_CASE("catalog: a refused path names the path and the reason") {
  const Error error = refusal(odd("other_major"));
  CHECK(error.code == Code::unsupported);
  CHECK_THAT(error.message, Catch::StartsWith(odd("other_major") + ": is built for plugin ABI 2.1"));
}

TEST_CASE("catalog: wrong kind") {
  const auto hypervisor = Catalog({}, {}).open_hypervisor(odd("odd_code"));
  REQUIRE_FALSE(hypervisor.ok());
  CHECK(hypervisor.error().code == Code::invalid_argument);
  CHECK(hypervisor.error().message == odd("odd_code") + ": is a policy plugin, not a hypervisor");
}

TEST_CASE("catalog: files that are no plugins") {
  const Scratch scratch;
  const fs::path text = scratch.write("text.so", "#!/bin/sh\necho no library\n");
  Error error = refusal(text.string());
  CHECK(error.code == Code::invalid_argument);
  CHECK_THAT(error.message, Catch::StartsWith(text.string() + ": is not a library that can be loaded: "));

  error = refusal((scratch.path() / "absent.so").string());
  CHECK(error.code == Code::not_found);
  CHECK_THAT(error.message, Catch::EndsWith("absent.so: no such file"));

  fs::create_directory(scratch.path() / "folder.so");
  error = refusal((scratch.path() / "folder.so").string());
  CHECK_THAT(error.message, Catch::EndsWith("folder.so: is a directory, not a library"));

  REQUIRE(mkfifo((scratch.path() / "pipe.so").c_str(), 0600) == 0);
  error = refusal((scratch.path() / "pipe.so").string());
  CHECK_THAT(error.message, Catch::EndsWith("pipe.so: is not a regular file"));
}

TEST_CASE("catalog: code that everybody may write is not run") {
  const Scratch scratch;
  const fs::path file = scratch.path() / "open.so";
  fs::copy_file(odd("odd_code"), file);
  REQUIRE(chmod(file.c_str(), 0666) == 0);
  const Error error = refusal(file.string());
  CHECK(error.code == Code::permission_denied);
  CHECK(error.message == file.string() + ": everybody may write to it, so its code is not run; use chmod o-w");
  REQUIRE(chmod(file.c_str(), 0600) == 0);
  CHECK(Catalog({}, {}).open_policy(file.string()));

  REQUIRE(chmod(scratch.path().c_str(), 0777) == 0);
  CHECK_THAT(refusal(file.string()).message, Catch::Contains("its folder is writable to all"));
  REQUIRE(chmod(scratch.path().c_str(), 01777) == 0);
  CHECK(Catalog({}, {}).open_policy(file.string()));
}

TEST_CASE("catalog: built-in plugins come first, then the folders in order") {
  const Scratch first, second;
  fs::copy_file(MODULE_FOLDER "/policy-default.so", first.path() / "policy-default.so");
  fs::copy_file(odd("odd_code"), first.path() / "a.so");
  fs::copy_file(odd("odd_code"), second.path() / "policy-odd-code.so");
  const Catalog catalog(builtins, {first.path(), second.path()});

  std::map<std::string, PluginInfo> by_place;
  for (const PluginInfo& info : catalog.list()) by_place[info.kind + " " + info.name + " " + info.where] = info;
  CHECK(by_place.size() == 6);
  CHECK(by_place.at("policy default built in").refusal.empty());
  CHECK(by_place.at("policy tiny built in").version == "1.0");
  CHECK(by_place.at("hypervisor scripted built in").refusal.empty());
  CHECK(by_place.at("policy default " + (first.path() / "policy-default.so").string()).refusal ==
        "another policy of that name comes first: built in");
  const std::string a = (first.path() / "a.so").string();
  CHECK(by_place.at("policy odd-code " + a).refusal.empty());
  CHECK(by_place.at("policy odd-code " + (second.path() / "policy-odd-code.so").string()).refusal ==
        "another policy of that name comes first: " + a);
}

TEST_CASE("catalog: one bad file hides no other, and is told of when nothing is found") {
  const Scratch scratch;
  scratch.write("broken.so", "no library");
  fs::copy_file(odd("odd_code"), scratch.path() / "whatever.so");
  const Catalog catalog(builtins, {scratch.path() / "no-such-folder", scratch.path()});
  CHECK(catalog.open_policy("odd-code"));
  const auto policy = catalog.open_policy("odd-cod");
  REQUIRE_FALSE(policy.ok());
  CHECK(policy.error().code == Code::not_found);
  CHECK_THAT(policy.error().message,
             Catch::StartsWith("no policy plugin \"odd-cod\"; there is default, tiny, odd-code; refused: " +
                               (scratch.path() / "broken.so").string() + ": is not a library"));
  CHECK(Catalog({}, {}).open_orchestrator("local").error().message ==
        "no orchestrator plugin \"local\"; there is none");
}

TEST_CASE("catalog: a loaded plugin works, and its odd answers are told") {
  const auto policy = Catalog({}, {}).open_policy(odd("odd_code"));
  REQUIRE(policy);
  const auto goal = (*policy)->decide({});
  REQUIRE_FALSE(goal.ok());
  CHECK(goal.error().message == "policy odd-code: answered the unknown error code 77");
}

TEST_CASE("catalog: a module of a built-in plugin works the same") {
  const auto policy = Catalog({}, {fs::path(MODULE_FOLDER)}).open_policy("default");
  REQUIRE(policy);
  PolicyInput input;
  input.compute_unit = default_compute_unit;
  const auto goal = (*policy)->decide(input);
  REQUIRE(goal);
  CHECK_FALSE(goal->complete);
}

TEST_CASE("catalog: what is a path and what is a name") {
  CHECK(is_path("./mine"));
  CHECK(is_path("/a/b.so"));
  CHECK(is_path("mine.so"));
  CHECK_FALSE(is_path("mine"));
  CHECK_FALSE(is_path("k8s"));
  const std::vector<fs::path> folders{"/a", "b"};
  CHECK(split_folders("/a:b") == folders);
  CHECK(split_folders(":/a::b:") == folders);
  CHECK(split_folders("").empty());
}

TEST_CASE("catalog: where plugins are looked for") {
  REQUIRE(setenv("NEONVM_PLUGIN_PATH", "/one:/two", 1) == 0);
  const auto folders = Catalog::default_folders();
  REQUIRE(unsetenv("NEONVM_PLUGIN_PATH") == 0);
  REQUIRE(folders.size() == 4);
  CHECK(folders[0] == "/one");
  CHECK(folders[1] == "/two");
  CHECK_THAT(folders[2].string(), Catch::EndsWith("/neonvm/plugins"));
  CHECK(folders[3] == fs::read_symlink("/proc/self/exe").parent_path() / "plugins");
  CHECK(Catalog::default_folders().size() == 2);
}
