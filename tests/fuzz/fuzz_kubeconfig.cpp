// A kubeconfig, which comes from whoever set the cluster up.
#include <cstddef>
#include <cstdint>

#include "plugins/orchestrator-k8s/kubeconfig.hpp"
#include "plugins/orchestrator-k8s/server_url.hpp"
#include "tests/fuzz/settled.hpp"

using namespace neonvm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto access = k8s::access_of({{"/k/config", text}, {"/k/other", text}}, "");
  if (!access.ok()) {
    fuzz::require(access.error().message.find("/k/") == 0, "an error that does not name its file", access.error().message);
    return 0;
  }
  fuzz::require(!access->server.empty(), "access without a server", text);
  (void)k8s::parse_server_url(access->server);
  return 0;
}
