// Private to orchestrator-k8s: members of a tree that came from outside, of the kind that is wanted or not at all.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace neonvm::k8s {

using Json = nlohmann::json;

// "/metadata/name"; empty when there is no such text.
std::string text_at(const Json& json, const std::string& pointer);
std::int64_t number_at(const Json& json, const std::string& pointer);
// metadata.resourceVersion; 0: none, or not a number.
std::uint64_t version_of(const Json& json);
// One line; bytes that are not UTF-8 become U+FFFD.
std::string dump(const Json& json);

}  // namespace neonvm::k8s
