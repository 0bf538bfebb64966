#include "core/wire/service_place.hpp"

#include <limits>

#include "core/wire/json.hpp"

namespace neonvm::wire {

Result<ServicePlace> decode_service_place(std::string_view text) {
  const auto json = parse_json(text);
  if (!json) return json.error();
  const auto bad = [](const std::string& what) { return Error{Code::invalid_argument, what}; };
  if (!json->is_object()) return bad("is not an object");
  ServicePlace place;
  for (const auto& [key, into] : {std::pair("service", &place.service), std::pair("address", &place.address)}) {
    const auto found = json->find(key);
    if (found == json->end() || !found->is_string()) return bad(std::string(key) + ": is not a text");
    *into = found->get<std::string>();
  }
  const auto ports = json->find("ports");
  if (ports == json->end() || !ports->is_object()) return bad("ports: is not an object");
  for (const auto& [name, port] : ports->items()) {
    if (!port.is_number_unsigned() || port.get<std::uint64_t>() > std::numeric_limits<std::uint16_t>::max()) return bad("ports." + name + ": is not a port");
    place.ports[name] = port.get<std::uint16_t>();
  }
  return place;
}

std::string encode(const ServicePlace& place) {
  Json ports = Json::object();
  for (const auto& [name, port] : place.ports) ports[name] = port;
  return dump_json({{"service", place.service}, {"address", place.address}, {"ports", std::move(ports)}});
}

}  // namespace neonvm::wire
