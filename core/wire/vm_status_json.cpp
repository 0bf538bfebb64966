#include "core/wire/common_fields.hpp"
#include "core/wire/model_json.hpp"
#include "core/wire/rewrite.hpp"

namespace neonvm::wire {

// Kubernetes knows a third status, Unknown: it means "not true" here.
void condition_status(Reader& v, bool& value) {
  std::string word;
  v.need("status", word);
  value = word == "True";
  if (word != "True" && word != "False" && word != "Unknown") v.fault("status", "is not True, False or Unknown");
}
void condition_status(Writer& v, const bool& value) { v.need("status", std::string(value ? "True" : "False")); }

void describe(auto& v, Like<Condition> auto& c) {
  v.need("type", c.type);
  condition_status(v, c.value);
  v.field("reason", c.reason);
  v.field("message", c.message);
  v.field("lastTransitionTime", c.since);
  v.keep({"observedGeneration"});
}

// Asked, settled and why are ours; what is, stands where upstream has it.
void resize_members(auto& v, auto& state) {
  v.need("asked", state.asked);
  v.field_or("settled", state.settled, true);
  v.field("why", state.why);
}

void where_members(auto& v, auto& s) {
  v.field("podName", s.runner);
  v.field("node", s.node);
  v.field("endpoint", s.endpoint);
  v.field("migration", s.migration);
  v.field("accelerator", s.accelerator);
  v.field("extraNetIP", s.overlay.ip);
  v.field("extraNetMask", s.overlay.mask);
}

// Always written, as upstream does; a VM that was never reconciled has no status at all.
void restart_count(Reader& v, std::uint32_t& count) { v.field("restartCount", count); }
void restart_count(Writer& v, const std::uint32_t& count) { v.need("restartCount", count); }

void describe(auto& v, Like<VmStatus> auto& s) {
  v.field_or("phase", s.phase, Phase::none);
  v.field("message", s.why);
  v.field_or("cpus", s.cpu.actual, MilliCpu{});
  v.field_or("memorySize", s.memory.actual, Bytes{});
  v.group("resize", [&s](auto& resize) {
    resize.group("cpu", [&s](auto& cpu) { resize_members(cpu, s.cpu); });
    resize.group("memory", [&s](auto& memory) { resize_members(memory, s.memory); });
    resize.field("swap", s.swap);
  });
  v.field("files", s.files);
  where_members(v, s);
  restart_count(v, s.restarts);
  v.field("restartAt", s.restart_at);
  v.field("lastExit", s.last_exit);
  v.field_or("guestConnected", s.guest_connected, false);
  v.field("guestVersion", s.guest_version);
  v.group("health", [&s](auto& health) {
    health.field_or("state", s.health.state, Health::none);
    health.field("message", s.health.why);
  });
  v.field("clockNews", s.clock_news);
  v.field_or("clockWarning", s.clock_warning, false);
  v.field("notices", s.notices);
  revision_at(v, "currentRevision", s.current_revision, s.current_revision_at);
  v.field("conditions", s.conditions);
  v.keep({"podIP", "sshSecretName", "tlsSecretName"});
}

Result<VmStatus> decode_vm_status(std::string_view json) { return read_text<VmStatus>(json, Keys::strict); }
std::string encode(const VmStatus& status) { return write_text(status); }
std::string encode_over(std::string_view before, const VmStatus& status) { return rewrite(before, status); }

}  // namespace neonvm::wire
