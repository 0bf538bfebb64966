// What a runner says: the log of its container, which outlives it for as long as its pod is there.
#include "plugins/orchestrator-k8s/api_error.hpp"
#include "plugins/orchestrator-k8s/k8s_orchestrator.hpp"
#include "plugins/orchestrator-k8s/resources.hpp"

namespace neonvm::k8s {
namespace {

constexpr std::size_t longest_refusal = 64 * 1024;

// The whole body of an answer that is no log.
Error refusal(const ApiRequest& request, int status, runtime::HttpAnswer& answer, Deadline deadline) {
  std::string body;
  while (body.size() < longest_refusal) {
    const auto piece = answer.piece(deadline);
    if (!piece || piece->empty()) break;
    body += *piece;
  }
  Error error = api_error(request.what, status, body);
  if (error.code == Code::permission_denied) error.message += "; reading it needs the right to get pods/log there";
  return error;
}

}  // namespace

Status K8sOrchestrator::runner_log(const std::string& runner, std::int64_t lines, bool follow, const std::function<void(std::string_view)>& take,
                                   Deadline deadline) {
  ApiRequest request;
  request.what = "read the log of Pod " + runner.substr(0, 80);
  request.target = path(Kind::runner, runner) + "/log?container=" + runner_container;
  if (lines >= 0) request.target += "&tailLines=" + std::to_string(lines);
  if (follow) request.target += "&follow=true";
  for (bool tried_again = false;; tried_again = true) {
    auto started = client_->start(request, deadline);
    if (!started) return started.error();
    const auto head = started->answer->head(deadline);
    if (!head) return head.error().at(request.what);
    if (head->status == 401 && !tried_again && client_->refused(started->papers)) continue;
    if (head->status != 200) return refusal(request, head->status, *started->answer, deadline);
    while (true) {
      const auto piece = started->answer->piece(deadline);
      if (!piece) return piece.error().at(request.what);
      if (piece->empty()) return {};
      take(*piece);
    }
  }
}

}  // namespace neonvm::k8s
