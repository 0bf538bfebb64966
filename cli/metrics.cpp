// neonvm metrics: what the control plane here tells Prometheus now, or everything that neonvm's processes ever tell.
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/output.hpp"
#include "core/daemon/metric_families.hpp"
#include "core/runtime/http.hpp"

namespace neonvm::cli {

namespace {

struct MetricsWish {
  bool names = false;
  std::string output = "table";
};

std::string list_of(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

void print_names_json() {
  std::string json = "[";
  for (const auto& [part, family] : daemon::metric_families()) {
    std::string labels;
    for (const std::string& label : family->labels) labels += (labels.empty() ? "" : ",") + json_string(label);
    json += (json.size() == 1 ? "" : ",") + std::string("{\"process\":") + json_string(to_string(part)) + ",\"name\":" + json_string(family->name) +
            ",\"type\":" + json_string(to_string(family->kind)) + ",\"labels\":[" + labels + "],\"help\":" + json_string(family->help) + "}";
  }
  std::cout << json << "]\n";
}

Result<int> print_names(const MetricsWish& wish) {
  if (wish.output == "json") {
    print_names_json();
    return 0;
  }
  Table table({"PROCESS", "NAME", "TYPE", "LABELS", "MEANING"});
  for (const auto& [part, family] : daemon::metric_families())
    table.row({to_string(part), family->name, to_string(family->kind), list_of(family->labels, ", "), family->help});
  table.print();
  return 0;
}

Result<int> print_metrics(Context& context, const MetricsWish& wish) {
  if (wish.names) return print_names(wish);
  if (wish.output == "json") return Error{Code::invalid_argument, "-o json: only with --names; what is told now is in Prometheus' own form"};
  if (context.remote_control_plane())
    return Error{Code::unsupported, "processes in a cluster are asked by Prometheus, or: curl -H 'Authorization: Bearer TOKEN' of their --metrics endpoint"};
  runtime::HttpRequest request;
  request.method = "GET";
  request.target = "/metrics";
  const runtime::Endpoint endpoint{runtime::Endpoint::Scheme::unix_socket, context.serve_socket(), 0};
  const auto response = runtime::http_call(endpoint, request, soon());
  if (!response) return response.error();
  if (response->status != 200) return Error{Code::unavailable, "the control plane answers " + std::to_string(response->status)};
  std::cout << response->body;
  return 0;
}

}  // namespace

Command metrics_command() {
  return {"metrics", "Why", "Show what the control plane here tells Prometheus", [](Options& o) {
            auto wish = std::make_shared<MetricsWish>();
            o.flag("--names", wish->names, "Every metric of every process, with its labels and meaning, instead of values");
            o.choice("-o,--output", wish->output, {"table", "json"}, "How to print names");
            o.example("neonvm metrics --names");
            return [wish](Context& context) { return print_metrics(context, *wish); };
          }};
}

}  // namespace neonvm::cli
