// slots: is this slot of a plugin's table there? The one place where that is asked.
//
// A table may end before the slot (an older plugin) and the slot may be null (not implemented): both mean "no". Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/model/result.hpp"

namespace neonvm::plugin {

template <typename Table, typename Slot>
bool has(const Table& table, Slot Table::*slot) {
  const auto* begin = reinterpret_cast<const std::byte*>(&table);
  const auto* end = reinterpret_cast<const std::byte*>(&(table.*slot) + 1);
  return static_cast<std::size_t>(end - begin) <= table.size && table.*slot != nullptr;
}

inline Error lacks(std::string_view place, std::string_view call) {
  return Error{Code::unsupported, std::string(place) + " has no " + std::string(call)};
}

}  // namespace neonvm::plugin
