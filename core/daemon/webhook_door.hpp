// The admission webhooks of a controller in a cluster: what an API server asks before it stores one of our objects.
//
// Upstream's four paths (neonvm.md 1.8), so that its webhook configurations work unchanged. The rules are wire/admission.hpp's;
// every answer is made from the question alone, so that each replica may serve them, leader or not. An API server shows no
// client certificate unless it is told to: the answers hold nothing that the asker did not send, and a flood is bounded by
// the server's own limits. Threads: loop thread. Failure: what is no review answers 400, and the API server then does as the
// configuration's failurePolicy says.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "core/runtime/http.hpp"

namespace neonvm::daemon {

struct WebhookSettings {
  std::set<std::string> unchecked;  // "namespace/name": updates of these are let through with a warning
  // A refusal, or an update that was let through although it is wrong: for an Event and the metrics.
  std::function<void(const std::string& kind, const std::string& ns, const std::string& name, bool let_through, const std::string& why)> told;
};

void serve_webhooks(runtime::HttpServer& server, WebhookSettings settings);

}  // namespace neonvm::daemon
