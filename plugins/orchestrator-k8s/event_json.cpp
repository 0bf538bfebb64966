#include "plugins/orchestrator-k8s/event_json.hpp"

#include <charconv>

#include "core/wire/wall_time.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"

namespace neonvm::k8s {
namespace {

constexpr const char* revision_annotation = "neonvm.dev/revision";
// The server refuses a longer one.
constexpr std::size_t longest_message = 1024;

const char* api_kind(Kind kind) { return kind == Kind::runner ? "Pod" : to_string(kind); }

const char* api_group(Kind kind) {
  return kind == Kind::virtual_machine || kind == Kind::migration ? "vm.neon.tech/v1" : "v1";
}

std::optional<Kind> kind_of(const std::string& text) {
  for (const Kind kind : {Kind::virtual_machine, Kind::migration, Kind::node, Kind::runner}) {
    if (text == api_kind(kind)) return kind;
  }
  return std::nullopt;
}

std::string cut(std::string text) {
  if (text.size() <= longest_message) return text;
  std::size_t end = longest_message;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
  return text;
}

WallTime time_of(const Json& json) {
  for (const char* pointer : {"/lastTimestamp", "/eventTime", "/firstTimestamp", "/metadata/creationTimestamp"}) {
    if (const auto time = wire::parse_rfc3339(text_at(json, pointer))) return *time;
  }
  return {};
}

std::optional<StoredEvent> stored_event(const Json& json) {
  const auto kind = kind_of(text_at(json, "/involvedObject/kind"));
  if (!json.is_object() || !kind) return std::nullopt;
  StoredEvent stored;
  stored.sequence = version_of(json);
  Event& event = stored.event;
  event.at = time_of(json);
  event.kind = *kind;
  event.ns = text_at(json, "/metadata/namespace");
  event.name = text_at(json, "/involvedObject/name");
  event.warning = text_at(json, "/type") == "Warning";
  event.reason = text_at(json, "/reason");
  event.message = text_at(json, "/message");
  const std::string revision = text_at(json, "/metadata/annotations/neonvm.dev~1revision");
  (void)std::from_chars(revision.data(), revision.data() + revision.size(), event.revision);
  return stored;
}

}  // namespace

std::string encode_event(const Event& event, const std::string& ns, const std::string& uid, const std::string& suffix,
                         WallTime now) {
  const std::string at = wire::rfc3339(event.at == WallTime{} ? now : event.at);
  Json metadata = {{"name", event.name + "." + suffix}, {"namespace", ns}};
  if (event.revision != 0) metadata["annotations"] = {{revision_annotation, std::to_string(event.revision)}};
  // With a namespace for nodes too: an Event must be in that of its object.
  Json about = {{"apiVersion", api_group(event.kind)}, {"kind", api_kind(event.kind)}, {"namespace", ns}, {"name", event.name}};
  if (!uid.empty()) about["uid"] = uid;
  return dump({{"apiVersion", "v1"}, {"kind", "Event"}, {"metadata", metadata}, {"involvedObject", about},
              {"reason", event.reason}, {"message", cut(event.message)}, {"type", event.warning ? "Warning" : "Normal"},
              {"source", {{"component", "neonvm"}}}, {"firstTimestamp", at}, {"lastTimestamp", at}, {"count", 1}});
}

Result<EventPage> decode_event_list(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return Error{Code::unavailable, "list of Events: is not a JSON object"};
  EventPage page;
  page.version = version_of(json);
  page.next = text_at(json, "/metadata/continue");
  const auto items = json.find("items");
  if (items == json.end() || !items->is_array()) return page;
  for (const Json& item : *items) {
    if (auto stored = stored_event(item)) page.events.push_back(std::move(*stored));
  }
  return page;
}

Result<std::optional<StoredEvent>> decode_event_change(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return Error{Code::unavailable, "watch of Events: is not a JSON object"};
  const std::string type = text_at(json, "/type");
  if (type == "ERROR") return Error{Code::unavailable, "watch of Events: " + text_at(json, "/object/message")};
  if ((type != "ADDED" && type != "MODIFIED") || !json.contains("object")) return std::optional<StoredEvent>{};
  return stored_event(json["object"]);
}

}  // namespace neonvm::k8s
