#include "plugins/orchestrator-k8s/watch_stream.hpp"

namespace neonvm::k8s {
namespace {

// etcd takes 1.5 MiB; managed fields and escapes make it longer.
constexpr std::size_t largest = 16 * 1024 * 1024;

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == text.npos; }

}  // namespace

Result<std::vector<std::string>> WatchStream::feed(std::string_view bytes) {
  rest_ += bytes;
  std::vector<std::string> events;
  std::size_t begin = 0;
  for (std::size_t end = rest_.find('\n', searched_); end != std::string::npos; end = rest_.find('\n', begin)) {
    const std::string_view line = std::string_view(rest_).substr(begin, end - begin);
    if (!is_blank(line)) events.emplace_back(line);
    begin = end + 1;
  }
  rest_.erase(0, begin);
  searched_ = rest_.size();
  if (rest_.size() > largest) return Error{Code::refused, "a watch event is larger than 16 MiB"};
  return events;
}

}  // namespace neonvm::k8s
