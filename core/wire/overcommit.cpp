#include "core/wire/overcommit.hpp"


#include "core/wire/json.hpp"
#include "core/wire/reader.hpp"

namespace neonvm::wire {
namespace {

// A quantity in thousandths. "1Gi" is one as well, and nobody can mean it.
void read_factor(const Json& factors, const char* key, Faults& faults, std::uint32_t& into) {
  const auto found = factors.find(key);
  if (found == factors.end() || found->is_null()) return;
  MilliCpu factor{into};
  read_value(*found, std::string("spec.overcommit.") + key, faults, factor);
  into = factor.value;
}

}  // namespace

Result<Overcommit> decode_overcommit(std::string_view vm_spec) {
  Overcommit overcommit;
  const auto json = parse_json(vm_spec);
  if (!json) return json.error().at("spec");
  if (!json->is_object()) return overcommit;
  const auto factors = json->find("overcommit");
  if (factors == json->end() || factors->is_null()) return overcommit;
  Faults faults;
  if (!factors->is_object()) {
    faults.add("spec.overcommit", std::string("is ") + kind_of(*factors) + "; give {\"cpu\": 2, \"memory\": 1.5}");
    return faults.error();
  }
  read_factor(*factors, "cpu", faults, overcommit.cpu);
  read_factor(*factors, "memory", faults, overcommit.memory);
  if (!faults.none()) return faults.error();
  return overcommit;
}

}  // namespace neonvm::wire
