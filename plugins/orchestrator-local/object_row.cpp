#include "plugins/orchestrator-local/object_row.hpp"

#include <nlohmann/json.hpp>

namespace neonvm::local {
namespace {

WallTime wall_time(std::int64_t milliseconds) { return WallTime(std::chrono::milliseconds(milliseconds)); }

std::map<std::string, std::string> decode_map(const std::string& text) {
  std::map<std::string, std::string> map;
  if (text == "{}") return map;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return map;
  for (const auto& [key, value] : json.items()) {
    if (value.is_string()) map.emplace(key, value.get<std::string>());
  }
  return map;
}

}  // namespace

std::string encode_map(const std::map<std::string, std::string>& map) {
  return map.empty() ? "{}" : nlohmann::json(map).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Row read_row(const Query& query) {
  Row row;
  Object& object = row.object;
  object.kind = kind_from(query.text(0)).value_or(Kind::virtual_machine);
  object.name = query.text(1);
  object.ns = query.text(2);
  object.uid = query.text(3);
  object.version = static_cast<std::uint64_t>(query.integer(4));
  row.born = static_cast<std::uint64_t>(query.integer(5));
  object.generation = static_cast<std::uint64_t>(query.integer(6));
  object.created = wall_time(query.integer(7));
  if (!query.is_null(8)) object.deleting = wall_time(query.integer(8));
  object.finalizer = query.integer(9) != 0;
  object.labels = decode_map(query.text(10));
  object.annotations = decode_map(query.text(11));
  object.owner_uid = query.text(12);
  object.spec = query.text(13);
  object.status = query.text(14);
  return row;
}

}  // namespace neonvm::local
