#include "plugins/hypervisor-qemu/disk_copies.hpp"

#include "plugins/hypervisor-qemu/disk_commands.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::qemu {
namespace {

CarryFacts at(CarryStage stage, const std::string& status = "") {
  CarryFacts facts;
  facts.stage = stage;
  facts.status = status;
  return facts;
}

TEST_CASE("disks first, then the memory, and the mirrors end while the guest stands still") {
  CarryFacts facts = at(CarryStage::copying);
  CHECK(next_deed(facts) == CarryDeed::wait);
  facts.ready = true;
  CHECK(next_deed(facts) == CarryDeed::send_memory);
  facts.stage = CarryStage::mirrored;
  for (const char* status : {"setup", "active", "device"}) {
    facts.status = status;
    CHECK(next_deed(facts) == CarryDeed::wait);
  }
  facts.status = "pre-switchover";
  CHECK(next_deed(facts) == CarryDeed::end_copies);
  facts.stage = CarryStage::ending;
  facts.some_ended = true;
  CHECK(next_deed(facts) == CarryDeed::wait);
  facts.ended = true;
  CHECK(next_deed(facts) == CarryDeed::go_on);
  CHECK(next_deed(at(CarryStage::none, "completed")) == CarryDeed::wait);
}

TEST_CASE("whatever goes wrong before the end is undone, once") {
  for (const CarryStage stage : {CarryStage::copying, CarryStage::mirrored, CarryStage::ending}) {
    INFO(static_cast<int>(stage));
    CarryFacts failed = at(stage, "pre-switchover"), asked = failed, soon = failed, ended = failed;
    failed.ready = failed.ended = ended.ended = true;
    failed.failed = true;
    CHECK(next_deed(failed) == CarryDeed::undo);
    asked.give_up = true;
    CHECK(next_deed(asked) == CarryDeed::undo);
    soon.some_ended = true;
    CHECK((next_deed(soon) == CarryDeed::undo) == (stage != CarryStage::ending));
    // What an earlier migration came to says nothing while the disks are copied.
    for (const char* status : {"failed", "cancelled"}) {
      CHECK((next_deed(at(stage, status)) == CarryDeed::undo) == (stage != CarryStage::copying));
    }
  }
  CarryFacts undoing = at(CarryStage::undoing, "failed");
  undoing.failed = undoing.give_up = undoing.some_ended = true;
  CHECK(next_deed(undoing) == CarryDeed::wait);
  undoing.ended = true;
  CHECK(next_deed(undoing) == CarryDeed::clear);
}

TEST_CASE("a mirror with a limit sends no more at once than it soon may") {
  CHECK(mirror_buffer(1) == 64 * kib);
  CHECK(mirror_buffer(64 * kib) == 64 * kib);
  CHECK(mirror_buffer(10 * mib) == 2560 * kib);
  CHECK(mirror_buffer(10 * mib + 4 * kib) == 2560 * kib);
  CHECK(mirror_buffer(gib) == 16 * mib);
  CHECK(start_mirror("d0", false, 10 * mib).arguments.find(R"("buf-size":2621440)") != std::string::npos);
  CHECK(start_mirror("d0", false, 0).arguments.find("buf-size") == std::string::npos);
}

TEST_CASE("of QEMU's jobs and nodes only the mirrors count") {
  const auto mirrors = read_mirrors(
      R"([{"id":"mirror-d0","type":"mirror","status":"concluded","current-progress":3,"total-progress":5,"error":"no"},
          {"id":"other","type":"stream","status":"running","current-progress":1,"total-progress":2}])");
  REQUIRE(mirrors.ok());
  REQUIRE(mirrors->size() == 1);
  const Mirror& mirror = mirrors->front();
  CHECK(mirror.disk == "d0");
  CHECK(mirror.status == "concluded");
  CHECK(mirror.error == "no");
  CHECK(mirror.total == Bytes{5});
  CHECK(mirror.copied == Bytes{3});
  CHECK(*read_disks_over_backing(R"([{"node-name":"disk-root","backing_file_depth":1},
                                     {"node-name":"disk-d0","backing_file_depth":0},
                                     {"node-name":"#block1","backing_file_depth":2}])") == std::set<std::string>{"root"});
  CHECK(*read_written(R"([{"node-name":"mirror-d0","stats":{"wr_highest_offset":7}},
                          {"node-name":"mirror-root","stats":{"wr_highest_offset":4}},
                          {"node-name":"disk-root","stats":{"wr_highest_offset":100}},{"stats":1}])") == 11);
  CHECK(*read_stuck_mirrors(R"([{"device":"mirror-d0","io-status":"failed"},{"device":"mirror-root","io-status":"ok"},
                                {"device":"other","io-status":"failed"},{"device":"mirror-d1"},
                                {"device":"mirror-d2","io-status":"nospace"}])") == std::set<std::string>{"d0", "d2"});
  for (const char* wrong : {"{}", "[1]", "", "null"}) {
    CHECK(read_mirrors(wrong).error().code == Code::internal);
    CHECK(read_disks_over_backing(wrong).error().code == Code::internal);
    CHECK(read_written(wrong).error().code == Code::internal);
    CHECK(read_stuck_mirrors(wrong).error().code == Code::internal);
  }
}

TEST_CASE("only Unix sockets and TLS: no disk is served or fetched in the clear") {
  MigrationPlace place{"", "10.0.0.7", 7000, true};
  for (const QmpCommand& command : {start_disk_server(place, true), open_remote_disk("root", place, "")}) {
    CHECK(command.arguments.find(R"("tls-creds":"migration-tls")") != std::string::npos);
    CHECK(command.arguments.find(R"("port":"7001")") != std::string::npos);
  }
  for (const bool server : {true, false}) {
    CHECK(make_credentials("/tls", server).arguments.find(R"("verify-peer":true)") != std::string::npos);
  }
  CHECK(cut_remote_disk("root").out_of_band);
}

}  // namespace
}  // namespace neonvm::qemu
