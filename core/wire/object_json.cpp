#include <algorithm>

#include "core/wire/model_json.hpp"
#include "core/wire/reader.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {
namespace {

constexpr const char* finalizer = "vm.neon.tech/finalizer";

struct Owner {
  std::string uid;

  friend bool operator==(const Owner&, const Owner&) = default;
};

void describe(auto& v, Like<Owner> auto& o) {
  v.need("uid", o.uid);
  v.keep({"apiVersion", "kind", "name", "controller", "blockOwnerDeletion"});
}

const char* api_version(Kind kind) {
  switch (kind) {
    case Kind::virtual_machine:
    case Kind::migration:
    case Kind::ip_pool: return "vm.neon.tech/v1";
    case Kind::node:
    case Kind::runner:
    case Kind::neighbour: return "neonvm.dev/v1";
  }
  return "";
}

// Kubernetes writes the version as text.
void read_version(Reader& metadata, std::uint64_t& version) {
  std::string text;
  metadata.field("resourceVersion", text);
  if (text.empty()) return;
  const bool digits = text.find_first_not_of("0123456789") == std::string::npos && text.size() <= 20;
  const auto json = digits ? parse_json(text) : Error{};
  if (!json || !json->is_number_unsigned()) {
    return metadata.fault("resourceVersion", "\"" + printable(text) + "\" is not a whole number");
  }
  version = json->get<std::uint64_t>();
}

// Names become file names and host names: what check_name() allows, and dots between, as Kubernetes does. Before that a
// namespace, from an orchestrator that sees many.
void read_name(Reader& metadata, std::string& name) {
  metadata.need("name", name);
  std::string_view rest = name;
  if (const std::size_t slash = rest.find('/'); slash != std::string_view::npos) {
    if (const Status good = check_name(rest.substr(0, slash)); !good.ok()) return metadata.fault("name", good.error().message);
    rest.remove_prefix(slash + 1);
    if (rest.empty()) return metadata.fault("name", "ends with '/'");
  }
  while (!rest.empty()) {
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    if (const Status good = check_name(rest.substr(0, dot)); !good.ok()) {
      return metadata.fault("name", good.error().message);
    }
    if (dot + 1 == rest.size()) return metadata.fault("name", "ends with '.'");
    rest.remove_prefix(std::min(dot + 1, rest.size()));
  }
  if (short_name(name).size() > 253) metadata.fault("name", "is longer than 253 characters");
}

void read_metadata(Reader& metadata, Object& object) {
  read_name(metadata, object.name);
  metadata.field("namespace", object.ns);
  metadata.field("uid", object.uid);
  read_version(metadata, object.version);
  metadata.field("generation", object.generation);
  metadata.field("creationTimestamp", object.created);
  metadata.field("deletionTimestamp", object.deleting);
  metadata.field("labels", object.labels);
  metadata.field("annotations", object.annotations);
  std::vector<std::string> finalizers;
  metadata.field("finalizers", finalizers);
  object.finalizer = std::find(finalizers.begin(), finalizers.end(), finalizer) != finalizers.end();
  std::vector<Owner> owners;
  metadata.field("ownerReferences", owners);
  if (!owners.empty()) object.owner_uid = owners.front().uid;
  metadata.keep({"managedFields", "generateName", "selfLink", "deletionGracePeriodSeconds"});
}

Json write_metadata(const Object& object) {
  Writer metadata;
  metadata.need("name", object.name);
  metadata.need("namespace", object.ns);
  metadata.field("uid", object.uid);
  if (object.version != 0) metadata.need("resourceVersion", std::to_string(object.version));
  metadata.field_or("generation", object.generation, 0);
  metadata.field("creationTimestamp", object.created);
  metadata.field("deletionTimestamp", object.deleting);
  metadata.field("labels", object.labels);
  metadata.field("annotations", object.annotations);
  if (object.finalizer) metadata.need("finalizers", std::vector<std::string>{finalizer});
  if (!object.owner_uid.empty()) metadata.need("ownerReferences", std::vector<Owner>{{object.owner_uid}});
  return metadata.take();
}

void read_part(const Json& json, const char* key, Faults& faults, std::string& into) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return;
  if (!found->is_object()) return faults.add(key, std::string("expected an object, found ") + kind_of(*found));
  into = dump_json(*found);
}

void read_kind(Reader& reader, Kind& kind) {
  std::string version;
  reader.need("apiVersion", version);
  reader.need("kind", kind);
  if (!version.empty() && version != api_version(kind)) {
    reader.fault("apiVersion", "\"" + printable(version) + "\" is not known for this kind; give " + api_version(kind));
  }
}

// What is not a tree stays readable as text: an object is printed even when its store was damaged.
Json tree_of(const std::string& text) {
  auto json = parse_json(text);
  return json ? std::move(*json) : Json(text);
}

}  // namespace

Result<Object> decode_object(std::string_view text) {
  const auto json = parse_json(text);
  if (!json) return json.error();
  Faults faults;
  Object object;
  Reader reader(*json, "", faults, Keys::strict);
  read_kind(reader, object.kind);
  reader.need_group("metadata", [&object](Reader& metadata) { read_metadata(metadata, object); });
  reader.keep({"spec", "status"});
  reader.close();
  if (json->is_object()) {
    read_part(*json, "spec", faults, object.spec);
    read_part(*json, "status", faults, object.status);
  }
  if (!faults.none()) return faults.error();
  return object;
}

std::string encode_object(const Object& object, int indent) {
  Json json = Json::object();
  json["apiVersion"] = api_version(object.kind);
  json["kind"] = to_string(object.kind);
  json["metadata"] = write_metadata(object);
  json["spec"] = tree_of(object.spec);
  json["status"] = tree_of(object.status);
  return dump_json(json, indent);
}

void describe(auto& v, Like<Event> auto& e) {
  v.field("at", e.at);
  v.need("kind", e.kind);
  v.field_or("namespace", e.ns, "default");
  v.need("name", e.name);
  v.field_or("warning", e.warning, false);
  v.need("reason", e.reason);
  v.field("message", e.message);
  v.field_or("revision", e.revision, 0);
}

Result<Event> decode_event(std::string_view json) { return read_text<Event>(json, Keys::strict); }
std::string encode(const Event& event) { return write_text(event); }

}  // namespace neonvm::wire
