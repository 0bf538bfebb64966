#include "core/plugin/hypervisor_proxy.hpp"

#include "core/plugin/machine_proxy.hpp"
#include "core/plugin/slots.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::plugin {
namespace {

using Table = neonvm_hypervisor_table;
using Begin = decltype(Table::start);

Result<std::unique_ptr<Machine>> take_hold(const std::shared_ptr<Opened>& opened, Begin begin, const MachineSpec& spec,
                                           Deadline deadline) {
  const std::string json = wire::encode(spec);
  void* machine = nullptr;
  const Status status = opened->call([&](neonvm_error* error) {
    return begin(opened->handle(), to_text(json), to_ns(deadline), &machine, error);
  });
  if (!status) return status.error();
  if (machine == nullptr) return Error{Code::internal, "answered no machine"}.at(opened->place());
  return std::unique_ptr<Machine>(std::make_unique<MachineProxy>(opened, machine));
}

struct Capabilities {
  std::vector<Capability> all;
  bool lost = false;
};

void take(void* context, const neonvm_capability* c) noexcept {
  auto& capabilities = *static_cast<Capabilities*>(context);
  try {
    capabilities.all.push_back({std::string(view(c->name)), c->works != 0, std::string(view(c->detail)),
                                std::string(view(c->next_step))});
  } catch (...) {
    capabilities.lost = true;
  }
}

}  // namespace

std::vector<Capability> HypervisorProxy::probe(Deadline deadline) {
  const auto& table = opened_->table<Table>();
  if (!has(table, &Table::probe)) return {};
  Capabilities given;
  const neonvm_capability_sink sink{&given, take};
  Status status = opened_->call(
      [&](neonvm_error* error) { return table.probe(opened_->handle(), to_ns(deadline), &sink, error); });
  if (status && given.lost) status = Error{Code::internal, "no memory left for what it gave"};
  if (!status) given.all.push_back({"probe", false, status.error().message, ""});
  return std::move(given.all);
}

Result<std::unique_ptr<Machine>> HypervisorProxy::start(const MachineSpec& spec, Deadline deadline) {
  return take_hold(opened_, opened_->table<Table>().start, spec, deadline);
}

Result<std::unique_ptr<Machine>> HypervisorProxy::attach(const MachineSpec& spec, Deadline deadline) {
  return take_hold(opened_, opened_->table<Table>().attach, spec, deadline);
}

Status HypervisorProxy::create_disk(const std::string& path, const std::string& backing, Bytes size,
                                    Deadline deadline) {
  const auto& table = opened_->table<Table>();
  if (!has(table, &Table::create_disk)) return lacks(opened_->place(), "create_disk");
  return opened_->call([&](neonvm_error* error) {
    return table.create_disk(opened_->handle(), to_text(path), to_text(backing), size.value, to_ns(deadline), error);
  });
}

}  // namespace neonvm::plugin
