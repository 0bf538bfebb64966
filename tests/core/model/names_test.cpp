#include "core/model/machine.hpp"
#include "core/model/metrics.hpp"
#include "core/model/node.hpp"
#include "core/model/object.hpp"
#include "core/model/vm.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;

TEST_CASE("a name is a DNS label") {
  for (const char* name : {"a", "web", "web-1", "0", "1a", "a--b"}) CHECK(check_name(name).ok());
  CHECK(check_name(std::string(63, 'a')).ok());
  for (const char* name : {"", "-a", "a-", "A", "a.b", "a_b", "a/b", "../x", "a b", "\xc3\xa9", "a\n"}) {
    INFO(name);
    CHECK_FALSE(check_name(name).ok());
  }
  CHECK_FALSE(check_name(std::string(64, 'a')).ok());
  CHECK_FALSE(check_name(std::string_view("a\0b", 3)).ok());
  CHECK(check_name("Web").error().message ==
        "name \"Web\" has a character that a name may not have; give 1 to 63 of a-z, 0-9 and '-', with a letter or "
        "digit at both ends");
}

TEST_CASE("words read back as what they name") {
  for (const Kind kind : {Kind::virtual_machine, Kind::migration, Kind::node, Kind::runner}) {
    CHECK(kind_from(to_string(kind)) == kind);
  }
  for (int i = 0; i <= static_cast<int>(Phase::stopped); ++i) {
    CHECK(phase_from(to_string(static_cast<Phase>(i))) == static_cast<Phase>(i));
  }
  for (int i = 0; i <= static_cast<int>(MigrationPhase::cancelled); ++i) {
    const auto phase = static_cast<MigrationPhase>(i);
    CHECK(migration_phase_from(to_string(phase)) == phase);
  }
  CHECK(kind_from("virtualmachine") == std::nullopt);
  CHECK(phase_from("running") == std::nullopt);
  CHECK(migration_phase_from("Stopped") == std::nullopt);
}

TEST_CASE("phases keep upstream's spelling") {
  CHECK(std::string(to_string(Phase::pre_migrating)) == "PreMigrating");
  CHECK(std::string(to_string(Phase::none)).empty());
  CHECK(std::string(to_string(Kind::migration)) == "VirtualMachineMigration");
}

TEST_CASE("a VM is alive while it has a QEMU") {
  for (const Phase phase : {Phase::running, Phase::scaling, Phase::pre_migrating, Phase::migrating}) {
    CHECK(is_alive(phase));
  }
  for (const Phase phase : {Phase::none, Phase::pending, Phase::succeeded, Phase::failed, Phase::stopped}) {
    CHECK_FALSE(is_alive(phase));
  }
}

TEST_CASE("upstream's memory use needs both of its inputs") {
  GuestSample sample;
  CHECK_FALSE(is_known(memory_used_by_upstream(sample)));
  sample.memory_total = Bytes{4 * gib};
  CHECK_FALSE(is_known(memory_used_by_upstream(sample)));
  sample.memory_available = Bytes{3 * gib};
  CHECK(memory_used_by_upstream(sample) == Bytes{gib + 100 * mib});
}
