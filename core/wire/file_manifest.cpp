#include "core/wire/file_manifest.hpp"

#include <map>

#include "core/wire/base64.hpp"
#include "core/wire/reader.hpp"

namespace neonvm::wire {
namespace {

using Texts = std::map<std::string, std::string>;

struct ManifestText {
  std::string kind, name;
  Texts data, binary, text;
};

void describe(Reader& v, ManifestText& m) {
  v.need("kind", m.kind);
  v.keep({"apiVersion", "type", "immutable"});
  v.open_group("metadata", [&m](Reader& inner) { inner.need("name", m.name); });
  v.field("data", m.data);
  if (m.kind == "Secret") v.field("stringData", m.text);
  if (m.kind == "ConfigMap") v.field("binaryData", m.binary);
}

Status add_texts(FileManifest& manifest, const Texts& texts, const char* field, bool encoded) {
  for (const auto& [key, value] : texts) {
    auto bytes = encoded ? from_base64(value) : std::optional<std::string>(value);
    if (!bytes) return Error{Code::invalid_argument, std::string(field) + "." + printable(key) + ": is not base64"};
    std::erase_if(manifest.files, [&key = key](const BundledFile& file) { return file.path == key; });
    if (key.find('/') != std::string::npos) return Error{Code::invalid_argument, std::string(field) + "." + printable(key) + ": a key has no '/'"};
    manifest.files.push_back({key, 0400, std::move(*bytes)});
  }
  return {};
}

}  // namespace

Result<std::optional<FileManifest>> decode_file_manifest(std::string_view json) {
  const auto tree = parse_json(json);
  if (!tree) return tree.error();
  if (!tree->is_object() || !tree->contains("kind")) return std::optional<FileManifest>();
  const Json& kind = (*tree)["kind"];
  if (kind != "ConfigMap" && kind != "Secret") return std::optional<FileManifest>();
  auto text = read_document<ManifestText>(*tree, "", Keys::strict);
  if (!text) return text.error();
  FileManifest manifest;
  manifest.secret = text->kind == "Secret";
  manifest.name = text->name;
  // As Kubernetes has it, what is written as text wins.
  if (auto added = add_texts(manifest, text->data, "data", manifest.secret); !added) return added.error();
  if (auto added = add_texts(manifest, text->binary, "binaryData", true); !added) return added.error();
  if (auto added = add_texts(manifest, text->text, "stringData", false); !added) return added.error();
  if (auto good = check_bundle(manifest.files); !good) return good.error().at("data");
  return std::optional<FileManifest>(std::move(manifest));
}

}  // namespace neonvm::wire
