// Private to vm-builder: JSON documents of images, read with care: they come from outside.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/result.hpp"

namespace neonvm::builder {

using Json = nlohmann::json;

// `name` is for messages. At most 32 deep.
Result<Json> parse_document(const std::string& name, std::string_view text);

// The member `key`; a value of null and nothing at all are the same. The type must be the one asked for.
Result<std::string> text_member(const std::string& name, const Json& object, const char* key);
Result<std::vector<std::string>> list_member(const std::string& name, const Json& object, const char* key);
Result<std::int64_t> number_member(const std::string& name, const Json& object, const char* key);
const Json& object_member(const Json& object, const char* key);  // an empty object when there is none

}  // namespace neonvm::builder
