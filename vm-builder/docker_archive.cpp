// What `docker save` and `podman save` write: manifest.json with the names of a configuration and of layers.
#include <algorithm>

#include "vm-builder/digest.hpp"
#include "vm-builder/file_io.hpp"
#include "vm-builder/in_quotes.hpp"
#include "vm-builder/json_document.hpp"
#include "vm-builder/oci_image.hpp"

namespace neonvm::builder {
namespace {

// A member named after its contents: "blobs/sha256/HEX" or "HEX.json".
std::string digest_in_name(const std::string& name) {
  std::string hex = name.substr(name.rfind('/') == std::string::npos ? 0 : name.rfind('/') + 1);
  if (hex.ends_with(".json")) hex.resize(hex.size() - 5);
  const std::string digest = "sha256:" + hex;
  return is_sha256(digest) ? digest : "";
}

Result<const Json*> choose(const Members& members, const Json& manifest, const std::string& reference) {
  const std::string origin = in_quotes(members.origin());
  if (!manifest.is_array() || manifest.empty()) return Error{Code::invalid_argument, origin + ": manifest.json lists no image"};
  if (reference.empty() && manifest.size() == 1) return &manifest.front();
  std::string names;
  for (const Json& each : manifest) {
    auto tags = list_member(origin + ": manifest.json", each, "RepoTags");
    if (!tags) return tags.error();
    for (const std::string& tag : *tags) {
      if (!reference.empty() && (tag == reference || tag.ends_with("/" + reference) || tag.ends_with(":" + reference))) return &each;
      names += (names.empty() ? "" : ", ") + tag;
    }
  }
  if (reference.empty()) {
    return Error{Code::invalid_argument, origin + ": holds several images (" + names + "); say which one: " +
                                             members.origin() + ":NAME"};
  }
  return Error{Code::not_found, origin + ": holds no image " + in_quotes(reference) + "; there is: " + names};
}

bool is_compressed(const std::string& path) {
  auto fd = open_to_read(path);
  unsigned char magic[4] = {};
  if (!fd || ::read(fd->get(), magic, sizeof magic) != sizeof magic) return false;
  return (magic[0] == 0x1f && magic[1] == 0x8b) || (magic[0] == 0x28 && magic[1] == 0xb5);
}

Result<std::vector<TarFile>> layers_of(const Members& members, const std::vector<std::string>& names, const ImageConfig& config) {
  const std::string origin = in_quotes(members.origin());
  if (names.size() != config.diff_ids.size()) {
    return Error{Code::invalid_argument, origin + ": has " + std::to_string(names.size()) + " layers, but its configuration speaks of " +
                                             std::to_string(config.diff_ids.size())};
  }
  std::vector<TarFile> layers;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string called = "layer " + std::to_string(i + 1) + " (" + in_quotes(names[i]) + ")";
    auto path = members.path(names[i]);
    if (!path) return path.error().at(called);
    // The configuration has the digest of the tar itself.
    const std::string digest = is_compressed(*path) ? digest_in_name(names[i]) : config.diff_ids[i];
    if (digest.empty()) return Error{Code::invalid_argument, called + ": is compressed, and nothing says what its digest is"};
    layers.push_back({called, *path, digest, true});
  }
  return layers;
}

}  // namespace

Result<OciImage> open_docker_archive(const Members& members, const Platform& platform, const std::string& reference) {
  const std::string origin = in_quotes(members.origin());
  auto text = members.text("manifest.json");
  if (!text) return text.error();
  auto manifest = parse_document(origin + ": manifest.json", *text);
  if (!manifest) return manifest.error();
  auto chosen = choose(members, *manifest, reference);
  if (!chosen) return chosen.error();
  auto config_name = text_member(origin + ": manifest.json", **chosen, "Config");
  if (!config_name) return config_name.error();
  auto names = list_member(origin + ": manifest.json", **chosen, "Layers");
  if (!names) return names.error();
  auto config_text = members.text(*config_name);
  if (!config_text) return config_text.error();
  const std::string digest = sha256_of(*config_text), promised = digest_in_name(*config_name);
  if (!promised.empty() && promised != digest) {
    return Error{Code::invalid_argument, origin + ": " + in_quotes(*config_name) + ": its digest is " + digest + ": it is damaged or was tampered with"};
  }
  auto config = read_image_config(origin + ": " + in_quotes(*config_name), *config_text);
  if (!config) return config.error();
  if (config->os != platform.os || config->architecture != platform.architecture) {
    return Error{Code::invalid_argument, origin + ": holds an image for " + config->os + "/" + config->architecture + ", not for " +
                                             platform.os + "/" + platform.architecture + "; say for which it is to be: --target-arch"};
  }
  auto layers = layers_of(members, *names, *config);
  if (!layers) return layers.error();
  return OciImage{std::move(*config), std::move(*layers), digest};
}

}  // namespace neonvm::builder
