// neonvm dump: what the daemons of this home hold in memory, for who looks for a fault.
#include <unistd.h>

#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/output.hpp"
#include "core/runtime/http.hpp"

namespace neonvm::cli {

namespace {

constexpr Duration answer_within = std::chrono::seconds(5);

// None: nobody listens there.
Result<std::optional<std::string>> ask(const std::string& socket) {
  if (::access(socket.c_str(), F_OK) != 0) return std::optional<std::string>();
  runtime::HttpRequest request;
  request.method = "GET";
  request.target = "/v1/state";
  const runtime::Endpoint endpoint{runtime::Endpoint::Scheme::unix_socket, socket, 0};
  auto response = runtime::http_call(endpoint, request, std::chrono::steady_clock::now() + answer_within);
  // What a daemon that was killed leaves behind.
  if (!response && response.error().code == Code::unavailable) return std::optional<std::string>();
  if (!response) return response.error();
  if (response->status != 200) return Error{Code::unsupported, socket + ": answers " + std::to_string(response->status) + "; it is of another version"};
  return std::optional(std::move(response->body));
}

Result<int> dump(Context& context) {
  auto config = context.config();
  if (!config) return config.error();
  std::string all;
  for (const char* part : {"serve", "controller", "scheduler", "agent"}) {
    auto state = ask((*config)->home + "/" + part + ".sock");
    if (!state) return state.error();
    if (*state) all += std::string(all.empty() ? "" : ",\n ") + "\"" + part + "\": " + **state;
  }
  if (all.empty()) return Error{Code::unavailable, "no daemon runs in " + (*config)->home + "; give --home, or start one with neonvm serve"};
  std::cout << "{" << all << "}\n";
  return 0;
}

}  // namespace

Command dump_command() {
  return {"dump", "Daemons", "Print what the daemons of this home hold in memory, as JSON", [](Options&) {
            return [](Context& context) { return dump(context); };
          }};
}

}  // namespace neonvm::cli
