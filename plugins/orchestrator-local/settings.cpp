#include "plugins/orchestrator-local/settings.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/model/object.hpp"

namespace neonvm::local {
namespace {

using Json = nlohmann::json;

constexpr unsigned most_nodes = 64;

Error bad(const std::string& name, const std::string& text, const std::string& wanted) {
  return Error{Code::invalid_argument, "orchestrator \"local\": " + name + ": " + text + " is not " + wanted};
}

Result<double> read_watermark(const std::string& name, const Json& json) {
  if (!json.is_number() || json.get<double>() <= 0 || json.get<double>() > 1) {
    return bad(name, json.dump(), "a number above 0 and at most 1");
  }
  return json.get<double>();
}

// Quantities as text ("1.5", "4Gi"), or plain numbers.
std::string quantity(const Json& json) { return json.is_string() ? json.get<std::string>() : json.dump(); }

Status read_labels(const std::string& at, const Json& json, Node& node) {
  if (!json.is_object()) return bad(at, json.dump(), "an object of texts");
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string()) return bad(at + "." + key, value.dump(), "a text");
    node.labels.emplace(key, value.get<std::string>());
  }
  return {};
}

Status read_node_member(const std::string& at, const std::string& key, const Json& value, Node& node) {
  if (key == "name") {
    node.name = value.is_string() ? value.get<std::string>() : "";
    const auto named = check_name(node.name);
    return named ? named : Status(named.error().at(at));
  }
  if (key == "cpu") {
    const auto cpu = parse_milli_cpu(quantity(value));
    if (!cpu) return cpu.error().at(at);
    node.capacity.cpu = *cpu;
  } else if (key == "memory") {
    const auto memory = parse_bytes(quantity(value));
    if (!memory) return memory.error().at(at);
    node.capacity.memory = *memory;
  } else if (key == "watermark") {
    const auto watermark = read_watermark(at, value);
    if (!watermark) return watermark.error();
    node.watermark = *watermark;
  } else if (key == "labels") {
    return read_labels(at, value, node);
  } else {
    return bad(at, "this name", "one of name, cpu, memory, watermark, labels");
  }
  return {};
}

Result<Node> read_node(const std::string& at, const Json& json, const Resources& share, double watermark) {
  if (!json.is_object())
    return bad(at, json.dump(), "an object like {\"name\":\"node1\",\"cpu\":\"2\",\"memory\":\"4Gi\"}");
  Node node;
  node.capacity = share;
  node.watermark = watermark;
  for (const auto& [key, value] : json.items()) {
    if (auto read = read_node_member(at + "." + key, key, value, node); !read) return read.error();
  }
  if (node.name.empty()) return bad(at + ".name", "nothing", "a name");
  if (node.capacity.cpu.value == 0 || node.capacity.memory.value == 0) {
    return bad(at, to_string(node.capacity), "a node that can hold anything");
  }
  return node;
}

Status read_nodes(const Json& json, double watermark, Settings& settings) {
  if (!json.is_array()) return bad("nodes", json.dump(), "an array");
  if (json.empty()) return {};
  if (json.size() > most_nodes) return bad("nodes", std::to_string(json.size()) + " nodes", "at most 64");
  const Node share = equal_nodes(static_cast<unsigned>(json.size()), watermark, machine_share()).front();
  std::set<std::string> names;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const std::string at = "nodes[" + std::to_string(i) + "]";
    auto node = read_node(at, json[i], share.capacity, watermark);
    if (!node) return node.error();
    if (!names.insert(node->name).second)
      return bad(at + ".name", "\"" + node->name + "\", given twice,", "a new name");
    settings.nodes.push_back(std::move(*node));
  }
  return {};
}

Status read_command(const Json& json, Settings& settings) {
  const bool texts = json.is_array() && !json.empty() &&
                     std::all_of(json.begin(), json.end(), [](const Json& word) { return word.is_string(); });
  if (!texts || json.front().get<std::string>().empty()) {
    return bad("runnerCommand", json.dump(), "an array of texts, the program first");
  }
  settings.runner_command = json.get<std::vector<std::string>>();
  return {};
}

// "true", "3" and "[…]" are JSON; a plain word like /home/me is not, and is a text.
Json value_of(const std::string& text) {
  auto json = Json::parse(text, nullptr, false);
  return json.is_discarded() ? Json(text) : json;
}

Result<Json> members(const std::map<std::string, std::string>& options) {
  Json all = Json::object();
  for (const auto& [name, text] : options) {
    if (name == "json") {
      const Json given = Json::parse(text, nullptr, false);
      if (!given.is_object()) return bad("json", "what was given", "a JSON object");
      all.update(given);
    } else {
      all[name] = name == "home" ? Json(text) : value_of(text);
    }
  }
  return all;
}

}  // namespace

Result<Settings> read_settings(const std::map<std::string, std::string>& options) {
  auto all = members(options);
  if (!all) return all.error();
  Settings settings;
  double watermark = 0.9;
  unsigned count = 1;
  Json nodes = Json::array();
  for (const auto& [name, value] : all->items()) {
    if (name == "home") {
      if (!value.is_string()) return bad(name, value.dump(), "a path");
      settings.home = value.get<std::string>();
    } else if (name == "supervise") {
      if (!value.is_boolean()) return bad(name, value.dump(), "true or false");
      settings.supervise = value.get<bool>();
    } else if (name == "runnerCommand") {
      if (auto read = read_command(value, settings); !read) return read.error();
    } else if (name == "nodeCount") {
      if (!value.is_number_unsigned() || value.get<std::uint64_t>() < 1 || value.get<std::uint64_t>() > most_nodes) {
        return bad(name, value.dump(), "a whole number from 1 to 64");
      }
      count = value.get<unsigned>();
    } else if (name == "watermark") {
      const auto read = read_watermark(name, value);
      if (!read) return read.error();
      watermark = *read;
    } else if (name == "nodes") {
      nodes = value;
    } else {
      return bad("\"" + name + "\"", "it",
                 "a setting; there are home, supervise, runnerCommand, nodes, nodeCount, watermark");
    }
  }
  if (settings.home.empty()) return bad("home", "nothing", "an absolute path; set NEONVM_HOME");
  if (auto read = read_nodes(nodes, watermark, settings); !read) return read.error();
  if (settings.nodes.empty()) settings.nodes = equal_nodes(count, watermark, machine_share());
  return settings;
}

}  // namespace neonvm::local
