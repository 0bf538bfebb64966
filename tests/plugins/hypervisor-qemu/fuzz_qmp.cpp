// What a QEMU's monitor says: lines, messages, and every answer and event that is read.
#include <cstddef>
#include <cstdint>

#include "plugins/hypervisor-qemu/qmp_commands.hpp"
#include "tests/fuzz/settled.hpp"

using namespace neonvm;

namespace {
void read_all(const std::string& body) {
  (void)qemu::read_run_state(body);
  (void)qemu::read_kvm_enabled(body);
  (void)qemu::read_base_memory(body);
  (void)qemu::read_machine_type(body);
  (void)qemu::read_migration(body);
  (void)qemu::read_human(body);
  (void)qemu::read_memory_device(body);
  if (const auto slots = qemu::read_cpu_slots(body)) {
    for (const qemu::CpuSlot& slot : *slots) {
      const std::string line = qemu::encode(qemu::fill_slot(slot, "cpu1"), 1);
      fuzz::require(line.find('\n') == line.size() - 1, "a command of two lines", line);
    }
  }
  for (const char* name : {"ACPI_DEVICE_OST", "MEMORY_DEVICE_SIZE_CHANGE"}) {
    const qemu::QmpEvent event{name, body};
    (void)qemu::read_cpu_notice(event);
    (void)qemu::read_memory_size(event);
    (void)qemu::member(event, "reason");
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  qemu::LineSplitter whole, bytewise;
  const auto lines = whole.feed(text);
  if (!lines) return 0;
  std::vector<std::string> again;
  for (const char c : text) {
    const auto some = bytewise.feed({&c, 1});
    again.insert(again.end(), some->begin(), some->end());
  }
  fuzz::require(again == *lines, "lines depend on how they come", text);
  for (const std::string& line : *lines) {
    const auto message = qemu::parse_qmp(line);
    if (!message) {
      fuzz::require(!message.error().message.empty(), "an error without a word", line);
    } else if (const auto* reply = std::get_if<qemu::QmpReply>(&*message)) {
      read_all(reply->body);
      (void)qemu::to_error(*reply, "x");
    } else if (const auto* event = std::get_if<qemu::QmpEvent>(&*message)) {
      read_all(event->data);
    }
  }
  return 0;
}
