// An OCI layout: index.json, manifests, configuration and layers, all by digest.
#include <algorithm>
#include <array>

#include "vm-builder/digest.hpp"
#include "vm-builder/in_quotes.hpp"
#include "vm-builder/json_document.hpp"
#include "vm-builder/oci_image.hpp"

namespace neonvm::builder {
namespace {

constexpr std::size_t most_layers = 1000;
constexpr int deepest_index = 4;
constexpr std::array layer_types = {
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
};
constexpr std::array index_types = {"application/vnd.oci.image.index.v1+json",
                                    "application/vnd.docker.distribution.manifest.list.v2+json"};

struct Descriptor {
  std::string digest, media_type, reference;
  Platform platform{"", ""};
};

class Layout {
 public:
  Layout(const Members& members, const Platform& wanted, std::string reference)
      : members_(members), wanted_(wanted), reference_(std::move(reference)) {}

  Result<OciImage> open() {
    auto text = members_.text("index.json");
    if (!text) return text.error();
    if (auto gathered = gather(where("index.json"), *text, 0, ""); !gathered) return gathered.error();
    std::vector<OciImage> fitting;
    for (const Descriptor& each : manifests_) {
      auto image = read_manifest(each);
      if (!image) return image.error();
      const std::string found = image->config.os + "/" + image->config.architecture;
      if (found == wanted_.os + "/" + wanted_.architecture) {
        fitting.push_back(std::move(*image));
      } else if (found != "unknown/unknown") {  // attestations that lie beside an image
        others_ += (others_.empty() ? "" : ", ") + found;
      }
    }
    if (fitting.size() == 1) return std::move(fitting.front());
    return none_or_many(fitting.size());
  }

 private:
  [[nodiscard]] std::string where(const std::string& name) const { return in_quotes(members_.origin()) + ": " + name; }

  Error none_or_many(std::size_t found) const {
    const std::string origin = in_quotes(members_.origin());
    if (found > 1) {
      return Error{Code::invalid_argument, origin + ": holds " + std::to_string(found) + " images (" + names_ +
                                               "); say which one: " + members_.origin() + ":NAME"};
    }
    if (!others_.empty()) {
      return Error{Code::invalid_argument, origin + ": holds an image for " + others_ + ", not for " + wanted_.os + "/" +
                                               wanted_.architecture + "; say for which it is to be: --target-arch"};
    }
    if (reference_.empty()) return Error{Code::invalid_argument, origin + ": holds no image"};
    return Error{Code::not_found, origin + ": holds no image " + in_quotes(reference_) + "; there is: " + names_};
  }

  Result<Descriptor> descriptor(const std::string& name, const Json& json) const {
    Descriptor read;
    auto digest = text_member(name, json, "digest");
    if (!digest) return digest.error();
    auto type = text_member(name, json, "mediaType");
    if (!type) return type.error();
    auto reference = text_member(name, object_member(json, "annotations"), "org.opencontainers.image.ref.name");
    if (!reference) return reference.error();
    if (!digest->starts_with("sha256:") || !is_sha256(*digest)) {
      return Error{Code::invalid_argument, name + ": " + in_quotes(*digest) + " is no digest that is known; sha256 is"};
    }
    return Descriptor{*digest, *type, *reference, {}};
  }

  Result<std::string> blob(const std::string& digest) const {
    const std::string name = "blobs/sha256/" + digest.substr(7);
    auto text = members_.text(name);
    if (!text) return text.error();
    if (const std::string found = sha256_of(*text); found != digest) {
      return Error{Code::invalid_argument, where(name) + ": its digest is " + found + ": it is damaged or was tampered with"};
    }
    return text;
  }

  // The manifests of an index, and of those in it. A name given outside holds for all inside.
  Status gather(const std::string& name, const std::string& text, int depth, const std::string& outer) {
    if (depth > deepest_index) return Error{Code::invalid_argument, name + ": indexes lie deeper than 4 in one another"};
    auto json = parse_document(name, text);
    if (!json) return json.error();
    const auto list = json->find("manifests");
    if (!json->is_object() || list == json->end() || !list->is_array()) {
      return Error{Code::invalid_argument, name + ": has no list of manifests"};
    }
    for (const Json& each : *list) {
      auto read = descriptor(name, each);
      if (!read) return read.error();
      if (read->reference.empty()) read->reference = outer;
      if (depth == 0) names_ += (names_.empty() ? "" : ", ") + (read->reference.empty() ? read->digest : read->reference);
      if (!is_wanted(*read)) continue;
      if (std::find(index_types.begin(), index_types.end(), read->media_type) == index_types.end()) {
        if (manifests_.size() >= most_layers) return Error{Code::invalid_argument, name + ": has too many manifests"};
        manifests_.push_back(*read);
        continue;
      }
      auto inner = blob(read->digest);
      if (!inner) return inner.error();
      auto gathered = gather(where(read->digest), *inner, depth + 1, read->reference);
      if (!gathered) return gathered;
    }
    return {};
  }

  [[nodiscard]] bool is_wanted(const Descriptor& each) const {
    return reference_.empty() || each.reference == reference_ || each.digest == reference_ ||
           each.reference.ends_with(":" + reference_);
  }

  Result<OciImage> read_manifest(const Descriptor& from) const {
    const std::string name = where(from.digest);
    auto text = blob(from.digest);
    if (!text) return text.error();
    auto json = parse_document(name, *text);
    if (!json) return json.error();
    auto config = descriptor(name + ": config", object_member(*json, "config"));
    if (!config) return config.error();
    auto config_text = blob(config->digest);
    if (!config_text) return config_text.error();
    auto read = read_image_config(where(config->digest), *config_text);
    if (!read) return read.error();
    OciImage image{std::move(*read), {}, from.digest};
    if (image.config.os == "unknown" || image.config.architecture == "unknown") return image;
    auto layers = read_layers(name, *json, image);
    if (!layers) return layers.error();
    return image;
  }

  Status read_layers(const std::string& name, const Json& manifest, OciImage& image) const {
    const auto list = manifest.find("layers");
    if (list == manifest.end() || !list->is_array()) return Error{Code::invalid_argument, name + ": has no list of layers"};
    if (list->size() > most_layers) return Error{Code::invalid_argument, name + ": has more than 1000 layers"};
    for (const Json& each : *list) {
      const std::string number = "layer " + std::to_string(image.layers.size() + 1);
      auto layer = descriptor(name + ": " + number, each);
      if (!layer) return layer.error();
      const std::string called = number + " (" + layer->digest + ")";
      if (std::find(layer_types.begin(), layer_types.end(), layer->media_type) == layer_types.end()) {
        return Error{Code::invalid_argument, called + ": media type " + in_quotes(layer->media_type) + " is none that is known"};
      }
      auto path = members_.path("blobs/sha256/" + layer->digest.substr(7));
      if (!path) return path.error().at(called);
      image.layers.push_back({called, *path, layer->digest, true});
    }
    return {};
  }

  const Members& members_;
  const Platform& wanted_;
  std::string reference_, names_, others_;
  std::vector<Descriptor> manifests_;
};

}  // namespace

Result<OciImage> open_oci_layout(const Members& members, const Platform& platform, const std::string& reference) {
  return Layout(members, platform, reference).open();
}

}  // namespace neonvm::builder
