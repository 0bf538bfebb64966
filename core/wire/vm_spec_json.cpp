#include "core/wire/model_json.hpp"
#include "core/wire/vm_annotations.hpp"
#include "core/wire/vm_disks.hpp"
#include "core/wire/vm_spec_fields.hpp"

namespace neonvm::wire {
namespace {

// A port as VirtualMachine.spec knows it: its host side is an annotation.
struct GuestPort {
  std::string name;
  std::uint16_t port = 0;
  Protocol protocol = Protocol::tcp;

  friend bool operator==(const GuestPort&, const GuestPort&) = default;
};

void describe(auto& v, Like<GuestPort> auto& p) {
  v.field("name", p.name);
  v.need("port", p.port);
  v.field_or("protocol", p.protocol, Protocol::tcp);
}

void read_ports(const Json& spec, std::vector<Port>& ports, Faults& faults) {
  if (!spec.contains("guest") || !spec["guest"].is_object()) return;
  std::vector<GuestPort> read;
  Reader(spec["guest"], "spec.guest", faults, Keys::strict).field("ports", read);
  for (GuestPort& each : read) ports.push_back(Port{std::move(each.name), each.port, 0, each.protocol});
}

void write_ports(const std::vector<Port>& ports, Json& spec) {
  std::vector<GuestPort> list;
  for (const Port& each : ports) list.push_back(GuestPort{each.name, each.guest, each.protocol});
  Writer guest(spec["guest"]);
  guest.field("ports", list);
  spec["guest"] = guest.take();
}

Json spec_of(const Object& object) {
  auto json = parse_json(object.spec);
  return json && json->is_object() ? std::move(*json) : Json::object();
}

}  // namespace

Result<VmSpec> decode_vm_spec(const Object& object) {
  const auto json = parse_json(object.spec);
  if (!json) return json.error().at("spec");
  Faults faults;
  VmSpec spec;
  Reader reader(*json, "spec", faults, Keys::strict);
  describe(reader, spec);
  reader.close();
  if (json->is_object()) {
    read_ports(*json, spec.ports, faults);
    read_disks(*json, spec.disks, faults);
  }
  read_annotations(object, spec, faults);
  if (!faults.none()) return faults.error();
  return spec;
}

void encode_vm_spec(const VmSpec& spec, Object& object) {
  const auto before = decode_vm_spec(object);
  Writer writer(spec_of(object));
  describe(writer, spec);
  Json json = writer.take();
  if (!before || before->ports != spec.ports) write_ports(spec.ports, json);
  if (!before || before->disks != spec.disks) write_disks(spec.disks, json);
  write_annotations(spec, before ? &*before : nullptr, object);
  object.spec = dump_json(json);
}

}  // namespace neonvm::wire
