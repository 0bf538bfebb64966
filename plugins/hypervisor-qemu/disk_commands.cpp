#include "plugins/hypervisor-qemu/disk_commands.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace neonvm::qemu {

namespace {
using Json = nlohmann::json;

constexpr std::string_view mirror_prefix = "mirror-", disk_prefix = "disk-";

std::string text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }
std::string mirror_of(const std::string& id) { return std::string(mirror_prefix) + id; }
std::string node_of(const std::string& id) { return std::string(disk_prefix) + id; }

std::string string(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t number(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

// The objects of a list.
Result<std::vector<Json>> read_list(std::string_view body, const char* command) {
  const Json json = Json::parse(body, nullptr, false);
  std::vector<Json> entries;
  if (json.is_array()) {
    for (const Json& entry : json) {
      if (entry.is_object()) entries.push_back(entry);
    }
    if (entries.size() == json.size()) return entries;
  }
  return Error{Code::internal, std::string("QEMU's answer to ") + command + " is not what it should be"};
}
}  // namespace

QmpCommand make_credentials(const std::string& folder, bool server) {
  return {"object-add",
          text(Json{{"qom-type", "tls-creds-x509"},
                    {"id", credentials_id},
                    {"dir", folder},
                    {"endpoint", server ? "server" : "client"},
                    {"verify-peer", true}}),
          false};
}

QmpCommand drop_credentials() { return {"object-del", text(Json{{"id", credentials_id}}), false}; }

QmpCommand make_peer(const std::string& subject) {
  return {"object-add", text(Json{{"qom-type", "authz-simple"}, {"id", peer_id}, {"identity", subject}}), false};
}

QmpCommand drop_peer() { return {"object-del", text(Json{{"id", peer_id}}), false}; }

QmpCommand start_disk_server(const MigrationPlace& place, bool only_peer) {
  Json arguments;
  if (place.tls()) {
    const Json at = {{"host", place.host}, {"port", std::to_string(place.disks_port())}};
    arguments = {{"addr", {{"type", "inet"}, {"data", at}}}, {"tls-creds", credentials_id}};
    if (only_peer) arguments["tls-authz"] = peer_id;
  } else {
    arguments = {{"addr", {{"type", "unix"}, {"data", {{"path", place.disks_path()}}}}}};
  }
  return {"nbd-server-start", text(arguments), false};
}

QmpCommand stop_disk_server() { return {"nbd-server-stop", "", false}; }

QmpCommand export_disk(const std::string& id) {
  return {"block-export-add",
          text(Json{{"type", "nbd"}, {"id", id}, {"name", id}, {"node-name", node_of(id)}, {"writable", true}}), false};
}

QmpCommand open_remote_disk(const std::string& id, const MigrationPlace& place, const std::string& tls_name) {
  Json arguments = {{"driver", "nbd"},     {"node-name", mirror_of(id)}, {"export", id},
                    {"discard", "unmap"},  {"detect-zeroes", "unmap"}};  // what is empty here stays empty there
  if (place.tls()) {
    arguments["server"] = {{"type", "inet"}, {"host", place.host}, {"port", std::to_string(place.disks_port())}};
    arguments["tls-creds"] = credentials_id;
    if (!tls_name.empty()) arguments["tls-hostname"] = tls_name;
  } else {
    arguments["server"] = {{"type", "unix"}, {"path", place.disks_path()}};
  }
  return {"blockdev-add", text(arguments), false};
}

QmpCommand close_remote_disk(const std::string& id) {
  return {"blockdev-del", text(Json{{"node-name", mirror_of(id)}}), false};
}

QmpCommand cut_remote_disk(const std::string& id) {
  const Json instance = {{"type", "block-node"}, {"node-name", mirror_of(id)}};
  return {"yank", text(Json{{"instances", Json::array({instance})}}), true};
}

std::uint64_t mirror_buffer(std::uint64_t speed) {
  constexpr std::uint64_t chunk = 64 * kib;  // of a qcow2 image, and what a mirror keeps count of
  return std::clamp(speed / 4 / chunk * chunk, chunk, 16 * mib);
}

QmpCommand start_mirror(const std::string& id, bool over_backing, std::uint64_t speed) {
  // write-blocking: a guest that writes faster than the network waits, else the copy would never end.
  // No auto-dismiss: how it ended is asked for, an event may be lost with a connection.
  Json arguments = {{"job-id", mirror_of(id)},
                    {"device", node_of(id)},
                    {"target", mirror_of(id)},
                    {"sync", over_backing ? "top" : "full"},
                    {"copy-mode", "write-blocking"},
                    {"on-target-error", "stop"},  // not "report": it would end by itself, while the guest writes (end_mirror)
                    {"auto-dismiss", false}};
  if (speed > 0) {
    arguments["speed"] = speed;
    arguments["buf-size"] = mirror_buffer(speed);
  }
  return {"blockdev-mirror", text(arguments), false};
}

QmpCommand end_mirror(const std::string& id, bool gently) {
  return {"block-job-cancel", text(Json{{"device", mirror_of(id)}, {"force", !gently}}), false};
}

QmpCommand forget_mirror(const std::string& id) { return {"job-dismiss", text(Json{{"id", mirror_of(id)}}), false}; }

Result<std::vector<Mirror>> read_mirrors(std::string_view body) {
  auto jobs = read_list(body, "query-jobs");
  if (!jobs) return jobs.error();
  std::vector<Mirror> mirrors;
  for (const Json& job : *jobs) {
    const std::string id = string(job, "id");
    if (!id.starts_with(mirror_prefix)) continue;
    mirrors.push_back({id.substr(mirror_prefix.size()), string(job, "status"), string(job, "error"),
                       Bytes{number(job, "total-progress")}, Bytes{number(job, "current-progress")}});
  }
  return mirrors;
}

Result<std::set<std::string>> read_stuck_mirrors(std::string_view body) {
  auto jobs = read_list(body, "query-block-jobs");
  if (!jobs) return jobs.error();
  std::set<std::string> disks;
  for (const Json& job : *jobs) {
    const std::string id = string(job, "device"), status = string(job, "io-status");
    if (id.starts_with(mirror_prefix) && !status.empty() && status != "ok") disks.insert(id.substr(mirror_prefix.size()));
  }
  return disks;
}

QmpCommand ask_nodes() { return {"query-named-block-nodes", R"({"flat":true})", false}; }

Result<std::set<std::string>> read_disks_over_backing(std::string_view body) {
  auto nodes = read_list(body, "query-named-block-nodes");
  if (!nodes) return nodes.error();
  std::set<std::string> disks;
  for (const Json& node : *nodes) {
    const std::string name = string(node, "node-name");
    if (name.starts_with(disk_prefix) && number(node, "backing_file_depth") > 0) {
      disks.insert(name.substr(disk_prefix.size()));
    }
  }
  return disks;
}

QmpCommand ask_written() { return {"query-blockstats", R"({"query-nodes":true})", false}; }

Result<std::uint64_t> read_written(std::string_view body) {
  auto nodes = read_list(body, "query-blockstats");
  if (!nodes) return nodes.error();
  std::uint64_t sum = 0;
  for (const Json& node : *nodes) {
    const auto stats = node.find("stats");
    if (!string(node, "node-name").starts_with(mirror_prefix) || stats == node.end() || !stats->is_object()) continue;
    sum += number(*stats, "wr_highest_offset");
  }
  return sum;
}

}  // namespace neonvm::qemu
