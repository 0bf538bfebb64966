#include "guest/sysctl.hpp"

#include "guest/file_text.hpp"
#include "guest/text_fields.hpp"

namespace neonvm::guest {

std::string sysctl_path(std::string_view name) {
  std::string path(trimmed(name));
  const std::size_t first = path.find_first_of("./");
  if (first != std::string::npos && path[first] == '.') {
    for (char& c : path) c = c == '.' ? '/' : c == '/' ? '.' : c;
  }
  const bool inside = !path.empty() && path.front() != '/' && path.back() != '/' && path.find("//") == std::string::npos &&
                      ("/" + path + "/").find("/../") == std::string::npos && path.find('\0') == std::string::npos;
  return inside ? path : "";
}

std::vector<Error> apply_sysctl(const std::vector<std::string>& settings, const std::string& root) {
  std::vector<Error> refused;
  for (const std::string& setting : settings) {
    const std::size_t equals = setting.find('=');
    const std::string path = sysctl_path(std::string_view(setting).substr(0, equals));
    if (equals == std::string::npos || path.empty()) {
      refused.push_back(Error{Code::invalid_argument, "sysctl \"" + setting + "\" is not name=value"});
      continue;
    }
    const std::string value(trimmed(std::string_view(setting).substr(equals + 1)));
    const Status written = write_text(root + "/" + path, value);
    if (!written) refused.push_back(written.error().at("sysctl " + setting));
  }
  return refused;
}

}  // namespace neonvm::guest
