#include "core/wire/ip_pool.hpp"

#include "core/wire/common_fields.hpp"

namespace neonvm::wire {

void describe(auto& v, Like<IpAllocation> auto& a) {
  v.need("id", a.id);
  v.field("podref", a.podref);
}

Result<IpPool> decode_ip_pool(std::string_view text) {
  const auto json = parse_json(text);
  if (!json) return json.error();
  if (!json->is_object()) return Error{Code::invalid_argument, "expected an object"};
  const auto range = json->find("range"), allocations = json->find("allocations");
  if (range == json->end() || !range->is_string()) return Error{Code::invalid_argument, "range: give one, as 10.100.0.0/16"};
  if (allocations == json->end() || !allocations->is_object()) return Error{Code::invalid_argument, "allocations: give an object; {} for none"};
  IpPool pool{range->get<std::string>(), {}};
  for (const auto& [key, entry] : allocations->items()) {
    auto read = read_document<IpAllocation>(entry, "allocations." + key, Keys::lenient);
    if (!read) return read.error();
    pool.allocations.emplace(key, std::move(*read));
  }
  return pool;
}

std::string encode(const IpPool& pool) {
  Json allocations = Json::object();
  for (const auto& [key, entry] : pool.allocations) allocations[key] = Writer::value(entry);
  return dump_json(Json{{"range", pool.range}, {"allocations", std::move(allocations)}});
}

}  // namespace neonvm::wire
