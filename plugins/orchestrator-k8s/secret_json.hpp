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
Json secret_of(const std::string& ns, const std::string& name, const std::map<std::string, std::string>& texts, const char* type = "Opaque");
// The VM's: it goes when that does. Which VM is told by its uid, for another one may come to have its name.
void give_to_vm(Json& secret, const std::string& vm, const std::string& vm_uid);
bool belongs_to_vm(const Json& secret, const std::string& vm_uid);
// Who owns it by Kubernetes' word: kind and uid of its controller; empty: nobody.
struct Controller {
  std::string kind, uid;
};
Controller controller_of(const Json& object);
// With the next step, where a namespace lacks neonvm's rights to its Secrets.
Error explained(const Error& error, const std::string& ns);
ApiRequest read_request(const std::string& ns, const std::string& name);
// Only this one: another may have come to its name meanwhile. Gone already is well.
Status remove_secret(ApiClient& client, const std::string& ns, const std::string& name, const std::string& secret_uid, Deadline deadline);
// If it is that VM's own by Kubernetes' word; any other of that name stays.
Status remove_secret_of(ApiClient& client, const std::string& ns, const std::string& name, const std::string& vm_uid, Deadline deadline);
WallTime wall_now();

}  // namespace neonvm::k8s
