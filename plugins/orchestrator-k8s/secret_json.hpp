// secret_json: Secrets as they are written and read. Pure but for fresh_token; messages never hold what is in one.
#pragma once

#include <map>
#include <string>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"
#include "plugins/orchestrator-k8s/api_client.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"

namespace neonvm::k8s {

// 256 random bits, as text.
Result<std::string> fresh_token();
// Decoded; empty when there is no such key.
std::string data_at(const Json& secret, const std::string& key);
Json secret_of(const std::string& ns, const std::string& name, const std::map<std::string, std::string>& texts);
ApiRequest read_request(const std::string& ns, const std::string& name);
WallTime wall_now();

}  // namespace neonvm::k8s
