#include "core/plugin/plugin_sdk.hpp"

#include <algorithm>

#include "core/plugin/edge.hpp"

namespace neonvm::plugin {

void Host::log(Level level, std::string_view message) const {
  if (host_ != nullptr && host_->log != nullptr) {
    host_->log(host_->context, static_cast<std::int32_t>(level), to_text(message));
  }
}

bool Host::cancelled() const {
  return host_ != nullptr && host_->cancelled != nullptr && host_->cancelled(host_->context) != 0;
}

Status Options::only(std::initializer_list<std::string_view> known) const {
  for (const auto& [name, value] : settings) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string message = "unknown setting \"" + name + "\"; ";
    message += known.size() == 0 ? "this plugin has none" : "it knows";
    const char* separator = " ";
    for (const auto& k : known) {
      message.append(separator).append(k);
      separator = ", ";
    }
    return Error{Code::invalid_argument, std::move(message)};
  }
  return {};
}

Result<Options> read_options(const neonvm_open_args* args) {
  if (args == nullptr || args->size < sizeof *args) {
    return Error{Code::invalid_argument, "open was called with arguments shorter than this plugin needs them"};
  }
  Options options;
  options.host = Host(args->host);
  for (std::size_t i = 0; i < args->option_count; ++i) {
    options.settings.emplace(view(args->options[i].name), view(args->options[i].value));
  }
  return options;
}

}  // namespace neonvm::plugin
