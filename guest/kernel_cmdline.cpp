#include "guest/kernel_cmdline.hpp"

#include "guest/file_text.hpp"
#include "guest/text_fields.hpp"

namespace neonvm::guest {

KernelCmdline::KernelCmdline(std::string_view text) {
  std::string word;
  bool quoted = false, begun = false;
  for (const char c : text) {
    if (c == '"') {
      quoted = !quoted;
      begun = true;
    } else if (is_blank(c) && !quoted) {
      if (begun) parameters_.push_back(std::move(word));
      word.clear();
      begun = false;
    } else {
      word += c;
      begun = true;
    }
  }
  if (begun) parameters_.push_back(std::move(word));
}

KernelCmdline KernelCmdline::of_this_machine() { return KernelCmdline(read_text("/proc/cmdline").value_or("")); }

std::vector<std::string> KernelCmdline::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const std::string& parameter : parameters_) {
    const std::size_t equals = parameter.find('=');
    if (std::string_view(parameter).substr(0, equals) != name) continue;
    values.push_back(equals == std::string::npos ? "" : parameter.substr(equals + 1));
  }
  return values;
}

std::optional<std::string> KernelCmdline::find(std::string_view name) const {
  auto values = all(name);
  if (values.empty()) return std::nullopt;
  return std::move(values.back());
}

bool KernelCmdline::is_on(std::string_view name) const {
  const auto value = find(name);
  return value && (value->empty() || *value == "1" || *value == "y" || *value == "yes" || *value == "on");
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  char quote = 0;
  bool begun = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      word += text[++i];
      begun = true;
    } else if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
      begun = true;
    } else if (quote == 0 && is_blank(c)) {
      if (begun) words.push_back(std::move(word));
      word.clear();
      begun = false;
    } else {
      word += c;
      begun = true;
    }
  }
  if (begun) words.push_back(std::move(word));
  return words;
}

}  // namespace neonvm::guest
