#include "cli/yaml.hpp"

#include <yaml-cpp/yaml.h>

#include <regex>

#include "cli/output.hpp"

namespace neonvm::cli {

namespace {

constexpr std::size_t max_json = 1024 * 1024;
constexpr int max_depth = 64;

// YAML 1.2 core schema (10.3.2), which is what Kubernetes' tools agree on for manifests.
std::string plain_scalar(const std::string& text) {
  static const std::regex integer("[-+]?[0-9]+"), number(R"([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?)");
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return "null";
  if (text == "true" || text == "True" || text == "TRUE") return "true";
  if (text == "false" || text == "False" || text == "FALSE") return "false";
  if (!std::regex_match(text, number)) return json_string(text);
  std::string digits = text[0] == '+' ? text.substr(1) : text;
  const bool negative = digits[0] == '-';
  std::string body = negative ? digits.substr(1) : digits;
  if (body.front() == '.') body.insert(0, "0");
  const auto first = body.find_first_not_of('0');
  if (std::regex_match(text, integer)) body = first == std::string::npos ? "0" : body.substr(first);
  if (body.back() == '.') body += '0';
  return (negative ? "-" : "") + body;
}

class Writer {
 public:
  explicit Writer(YamlDocument& document) : document_(document) {}

  void node(const YAML::Node& node, const std::string& path, int depth) {
    const YAML::Mark mark = node.Mark();
    document_.places[path] = {mark.line + 1, mark.column + 1};
    if (depth > max_depth) throw YAML::Exception(mark, "nested deeper than " + std::to_string(max_depth));
    if (document_.json.size() > max_json) throw YAML::Exception(mark, "larger than 1 MiB with its aliases expanded");
    if (node.IsMap()) return map(node, path, depth);
    if (node.IsSequence()) return sequence(node, path, depth);
    if (node.IsNull()) document_.json += "null";
    else document_.json += node.Tag() == "!" ? json_string(node.Scalar()) : plain_scalar(node.Scalar());
  }

 private:
  void map(const YAML::Node& node, const std::string& path, int depth) {
    document_.json += '{';
    std::map<std::string, bool> seen;
    for (const auto& entry : node) {
      const std::string key = entry.first.as<std::string>();
      if (seen[key]) throw YAML::Exception(entry.first.Mark(), "\"" + key + "\" stands here twice");
      document_.json += (seen.size() == 1 ? "" : ",") + json_string(key) + ":";
      seen[key] = true;
      const std::string below = path.empty() ? key : path + "." + key;
      this->node(entry.second, below, depth + 1);
      document_.places[below] = {entry.first.Mark().line + 1, entry.first.Mark().column + 1};
    }
    document_.json += '}';
  }

  void sequence(const YAML::Node& node, const std::string& path, int depth) {
    document_.json += '[';
    for (std::size_t i = 0; i < node.size(); ++i) {
      if (i > 0) document_.json += ',';
      this->node(node[i], path + "[" + std::to_string(i) + "]", depth + 1);
    }
    document_.json += ']';
  }

  YamlDocument& document_;
};

}  // namespace

Error YamlDocument::located(const Error& error) const {
  std::string path = error.message.substr(0, error.message.find(": "));
  while (!path.empty()) {
    const auto found = places.find(path);
    if (found != places.end()) {
      return error.at(file + ":" + std::to_string(found->second.line) + ":" + std::to_string(found->second.column));
    }
    const auto cut = path.find_last_of(".[");
    path = cut == std::string::npos ? "" : path.substr(0, cut);
  }
  return error.at(file);
}

Result<std::vector<YamlDocument>> yaml_documents(const std::string& file, const std::string& text) {
  std::vector<YamlDocument> documents;
  try {
    for (const YAML::Node& root : YAML::LoadAll(text)) {
      if (root.IsNull()) continue;
      YamlDocument document;
      document.file = file;
      Writer(document).node(root, "", 0);
      documents.push_back(std::move(document));
    }
  } catch (const YAML::Exception& wrong) {
    return Error{Code::invalid_argument, file + ":" + std::to_string(wrong.mark.line + 1) + ":" +
                                             std::to_string(wrong.mark.column + 1) + ": " + wrong.msg};
  }
  return documents;
}

}  // namespace neonvm::cli
