// What the door remembers of what it read and wrote.
#include "plugins/orchestrator-k8s/object_json.hpp"
#include "plugins/orchestrator-k8s/unheld_versions.hpp"
#include "plugins/orchestrator-k8s/written_vms.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::k8s;

namespace {

Object seen(std::uint64_t version, bool finalizer, Kind kind = Kind::virtual_machine) {
  Object object;
  object.kind = kind;
  object.version = version;
  object.finalizer = finalizer;
  return object;
}

}  // namespace

TEST_CASE("unheld versions: the last thousands that had no finalizer and could have one") {
  UnheldVersions unheld;
  unheld.saw(seen(1, false));
  unheld.saw(seen(2, true));
  unheld.saw(seen(3, false, Kind::runner));
  unheld.saw(seen(4, false, Kind::migration));
  CHECK(unheld.contains(1));
  CHECK_FALSE(unheld.contains(2));
  CHECK_FALSE(unheld.contains(3));
  CHECK(unheld.contains(4));
  for (std::uint64_t version = 5; version < 20'000; ++version) unheld.saw(seen(version, false));
  CHECK_FALSE(unheld.contains(1));
  CHECK(unheld.contains(19'999));
  CHECK(unheld.contains(10'000));
}

TEST_CASE("an update names the finalizer that it finds, and the one that it leaves") {
  const auto says = [](bool wanted, bool held, const char* text) {
    return update_patch(seen(7, wanted), held).find(text) != std::string::npos;
  };
  const char* none = R"({"op":"test","path":"/metadata/finalizers","value":null})";
  const char* ours = R"({"op":"test","path":"/metadata/finalizers","value":["vm.neon.tech/finalizer"]})";
  const char* add = R"({"op":"add","path":"/metadata/finalizers")";
  const char* remove = R"({"op":"remove","path":"/metadata/finalizers"})";
  CHECK((says(true, false, none) && says(true, false, add)));
  CHECK((says(false, true, ours) && says(false, true, remove)));
  CHECK((says(true, true, ours) && !says(true, true, add) && !says(true, true, remove)));
  CHECK((says(false, false, none) && !says(false, false, add) && !says(false, false, remove)));
}

TEST_CASE("written VMs: the last words on the last few, once") {
  WrittenVms written;
  written.put("a", "old");
  written.put("a", "new");
  CHECK(written.take("a") == "new");
  CHECK_FALSE(written.take("a").has_value());
  for (int i = 0; i < 100; ++i) written.put(std::to_string(i), "text");
  CHECK_FALSE(written.take("0").has_value());
  CHECK(written.take("99") == "text");
}
