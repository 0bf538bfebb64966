#include "plugins/hypervisor-qemu/qmp_message.hpp"

#include <rapidcheck.h>

#include "plugins/hypervisor-qemu/qmp_commands.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::qemu {
namespace {

TEST_CASE("lines come out whole, however the stream was cut") {
  const bool held = rc::check("a stream cut anywhere gives the same lines", [](const std::vector<std::string>& given) {
    std::vector<std::string> lines;
    std::string stream;
    for (std::string line : given) {
      std::erase_if(line, [](char c) { return c == '\n' || c == '\r'; });
      if (line.empty()) continue;
      lines.push_back(line);
      stream += line + (line.size() % 2 == 0 ? "\r\n" : "\n");
    }
    LineSplitter splitter;
    std::vector<std::string> seen;
    for (std::size_t at = 0; at < stream.size();) {
      const auto size = *rc::gen::inRange<std::size_t>(1, 9);
      const auto some = splitter.feed(std::string_view(stream).substr(at, size));
      RC_ASSERT(some.ok());
      seen.insert(seen.end(), some->begin(), some->end());
      at += size;
    }
    RC_ASSERT(seen == lines);
  });
  CHECK(held);
}

TEST_CASE("a line without an end is refused before it eats the memory") {
  LineSplitter splitter;
  const std::string piece(1024 * 1024, 'x');
  bool refused = false;
  for (std::size_t fed = 0; fed <= LineSplitter::longest && !refused; fed += piece.size()) refused = !splitter.feed(piece).ok();
  CHECK(refused);
}

TEST_CASE("a command is one line with its id") {
  CHECK(encode(plain("stop"), 7) == "{\"execute\":\"stop\",\"id\":7}\n");
  CHECK(encode({"migrate-pause", "{}", true}, 8) == "{\"exec-oob\":\"migrate-pause\",\"arguments\":{},\"id\":8}\n");
}

TEST_CASE("refusals keep QEMU's words and its class") {
  const auto said = parse_qmp(R"({"error":{"class":"DeviceNotFound","desc":"Device 'cpu9' not found"},"id":3})");
  REQUIRE(said.ok());
  const Error error = to_error(std::get<QmpReply>(*said), "device_del");
  CHECK(error.code == Code::not_found);
  CHECK(error.message == "QEMU refused device_del: Device 'cpu9' not found");
}

TEST_CASE("what the answers say") {
  CHECK(*read_run_state(R"({"status":"running","singlestep":false,"running":true})") == "running");
  CHECK_FALSE(read_run_state("[]").ok());
  CHECK(*read_machine_type(R"("pc-q35-7.2-machine")") == "pc-q35-7.2");
  const auto slots = read_cpu_slots(
      R"([{"props":{"core-id":2,"socket-id":0},"vcpus-count":1,"type":"max-x86_64-cpu"},
          {"props":{"core-id":1,"socket-id":0},"vcpus-count":1,"qom-path":"/machine/peripheral/cpu1","type":"t"},
          {"props":{"core-id":0,"socket-id":0},"vcpus-count":1,"qom-path":"/machine/unattached/device[0]","type":"t"}])");
  REQUIRE(slots.ok());
  REQUIRE(slots->size() == 3);
  CHECK((slots->at(0).filled && slots->at(0).device.empty()));
  CHECK((slots->at(1).filled && slots->at(1).device == "cpu1"));
  CHECK_FALSE(slots->at(2).filled);
  const QmpCommand fill = fill_slot(slots->at(2), "cpu2");
  CHECK(fill.name == "device_add");
  CHECK(fill.arguments == R"({"core-id":2,"driver":"max-x86_64-cpu","id":"cpu2","socket-id":0})");
  const auto memory = read_memory_device(
      R"([{"type":"virtio-mem","data":{"id":"vm0","block-size":2097152,"size":4194304,"max-size":1073741824,"requested-size":8388608}}])");
  REQUIRE(memory.ok());
  REQUIRE(memory->has_value());
  CHECK((*memory)->size == Bytes{4 * mib});
  CHECK((*memory)->requested == Bytes{8 * mib});
  CHECK_FALSE(read_memory_device("[]")->has_value());
  const auto migration = read_migration(R"({"status":"active","total-time":1200,"ram":{"total":100,"remaining":40,
      "transferred":60,"dirty-sync-count":2,"page-size":4096,"dirty-pages-rate":5}})");
  REQUIRE(migration.ok());
  CHECK(migration->status == "active");
  CHECK(migration->remaining == Bytes{40});
  CHECK(migration->total_time == std::chrono::milliseconds(1200));
}

TEST_CASE("what the events say") {
  const auto event = [](const char* name, const char* data) { return QmpEvent{name, data}; };
  CHECK(read_memory_size(event("MEMORY_DEVICE_SIZE_CHANGE", R"({"id":"vm0","size":1048576})")) == Bytes{mib});
  CHECK_FALSE(read_memory_size(event("MEMORY_DEVICE_SIZE_CHANGE", R"({"size":"much"})")));
  const auto notice = read_cpu_notice(
      event("ACPI_DEVICE_OST", R"({"info":{"device":"cpu1","source":3,"status":130,"slot":"1","slot-type":"CPU"}})"));
  REQUIRE(notice);
  CHECK((notice->device == "cpu1" && notice->source == 3 && notice->status == 130));
  CHECK_FALSE(read_cpu_notice(event("ACPI_DEVICE_OST", R"({"info":{"slot-type":"DIMM"}})")));
  CHECK(member(event("SHUTDOWN", R"({"reason":"guest-panic"})"), "reason") == "guest-panic");
  CHECK(member(event("SHUTDOWN", R"({"reason":5})"), "reason").empty());
}

}  // namespace
}  // namespace neonvm::qemu
