// Private to wire: a variant of messages told apart by their member "type".
//
// Each alternative M has `const char* type_of(const M*)` and a describe(). Finding one is a walk over the names.
#pragma once

#include <string_view>
#include <utility>
#include <variant>

#include "core/wire/reader.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {

// Reads the alternative that is called `type`; false when there is none.
template <typename Variant, std::size_t index = 0>
bool read_alternative(Reader& reader, std::string_view type, Variant& into) {
  if constexpr (index == std::variant_size_v<Variant>) {
    return false;
  } else {
    using Message = std::variant_alternative_t<index, Variant>;
    if (type != type_of(static_cast<const Message*>(nullptr))) {
      return read_alternative<Variant, index + 1>(reader, type, into);
    }
    describe(reader, into.template emplace<index>());
    return true;
  }
}

template <typename Variant>
void write_alternative(Writer& writer, const Variant& from) {
  std::visit(
      [&writer](const auto& message) {
        writer.need("type", std::string(type_of(&message)));
        describe(writer, message);
      },
      from);
}

}  // namespace neonvm::wire
