// Whole objects from a file or an API server, and what their spec, status and annotations say.
#include <cstddef>
#include <cstdint>

#include "core/wire/ip_pool.hpp"
#include "core/wire/model_json.hpp"
#include "tests/fuzz/settled.hpp"

using namespace neonvm;

namespace {

void read_vm(const Object& object) {
  const auto spec = wire::decode_vm_spec(object);
  if (!spec.ok()) return;
  (void)violations(*spec);
  fuzz::require(forbidden_changes(*spec, *spec).empty(), "a spec differs from itself", object.spec);
  Object same = object;
  wire::encode_vm_spec(*spec, same);
  fuzz::require(same.annotations == object.annotations && same.labels == object.labels,
                "writing what was read changes labels or annotations", object.spec);
  const auto again = wire::decode_vm_spec(same);
  fuzz::require(again.ok() && *again == *spec, "a spec is read otherwise after it was written", same.spec);
}

template <typename Decode>
void status_settles(const std::string& status, Decode decode) {
  fuzz::settles(status, decode, [](const auto& value) { return wire::encode(value); });
}

void read_parts(const Object& object) {
  switch (object.kind) {
    case Kind::virtual_machine:
      read_vm(object);
      return status_settles(object.status, wire::decode_vm_status);
    case Kind::migration:
      fuzz::settles(object.spec, wire::decode_migration_spec, [](const auto& m) { return wire::encode(m); });
      return status_settles(object.status, wire::decode_migration_status);
    case Kind::node: (void)wire::decode_node(object); return;
    case Kind::runner:
      fuzz::settles(object.spec, wire::decode_runner_spec, [](const auto& r) { return wire::encode(r); });
      return status_settles(object.status, wire::decode_runner_status);
    case Kind::neighbour:
      return fuzz::settles(object.spec, wire::decode_neighbour, [](const Neighbour& n) { return wire::encode(n); });
    case Kind::ip_pool:
      return fuzz::settles(object.spec, wire::decode_ip_pool, [](const IpPool& pool) { return wire::encode(pool); });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::settles(text, wire::decode_object, [](const Object& object) { return wire::encode_object(object); });
  const auto object = wire::decode_object(text);
  if (object.ok()) read_parts(*object);
  return 0;
}
