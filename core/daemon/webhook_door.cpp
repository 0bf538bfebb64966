#include "core/daemon/webhook_door.hpp"

#include <memory>
#include <utility>

#include "core/runtime/log.hpp"
#include "core/wire/admission.hpp"

namespace neonvm::daemon {
namespace {

using runtime::HttpRequest;
using runtime::HttpResponse;
using runtime::Responder;
using Rules = wire::AdmissionAnswer (*)(const wire::AdmissionRequest&, const WebhookSettings&);

wire::AdmissionAnswer mutated(const wire::AdmissionRequest& request, const WebhookSettings&) { return wire::mutate(request); }

wire::AdmissionAnswer validated(const wire::AdmissionRequest& request, const WebhookSettings& settings) {
  auto answer = wire::validate(request, settings.unchecked);
  if (answer.why.empty()) return answer;
  runtime::log_info("webhook", answer.allowed ? "let through" : "refused",
                    {{"kind", request.kind}, {"vm", request.ns + "/" + request.name}, {"why", answer.why}});
  if (settings.told) settings.told(request.kind, request.ns, request.name, answer.allowed, answer.why);
  return answer;
}

HttpResponse answer(const HttpRequest& request, Rules rules, const WebhookSettings& settings) {
  const auto review = wire::decode_admission_review(request.body);
  if (!review) return {400, {{"content-type", "text/plain"}}, review.error().message};
  return {200, {{"content-type", "application/json"}}, wire::encode_admission_review(review->uid, rules(*review, settings))};
}

}  // namespace

void serve_webhooks(runtime::HttpServer& server, WebhookSettings settings) {
  const auto shared = std::make_shared<const WebhookSettings>(std::move(settings));
  const std::pair<const char*, Rules> doors[] = {{"/mutate-vm-neon-tech-v1-virtualmachine", mutated},
                                                 {"/validate-vm-neon-tech-v1-virtualmachine", validated},
                                                 {"/mutate-vm-neon-tech-v1-virtualmachinemigration", mutated},
                                                 {"/validate-vm-neon-tech-v1-virtualmachinemigration", validated}};
  for (const auto& [path, rules] : doors)
    server.route("POST", path, [shared, rules = rules](const HttpRequest& request, Responder respond) {
      respond(answer(request, rules, *shared));
    });
}

}  // namespace neonvm::daemon
