#include "vm-builder/source.hpp"

#include <algorithm>
#include <filesystem>

#include "vm-builder/file_io.hpp"
#include "vm-builder/in_quotes.hpp"
#include "vm-builder/root_folder.hpp"

namespace neonvm::builder {
namespace {

namespace fs = std::filesystem;

enum class Kind { layout, layout_tar, docker_archive, folder, tarball, registry };

struct Found {
  Kind kind = Kind::registry;
  std::string path, reference;
  std::string origin;  // what the user called it, when `path` is a name of our own
};

bool is_hex_name(const std::string& name, const std::string& ending) {
  return name.size() == 64 + ending.size() && name.ends_with(ending) &&
         name.find_first_not_of("0123456789abcdef") == 64;
}

Result<Kind> kind_of_tar(const std::string& path) {
  auto names = first_names(path, 60);
  if (!names) return names.error();
  bool docker = false;
  for (const std::string& name : *names) {
    if (name == "oci-layout" || name == "index.json" || name.starts_with("blobs/sha256/")) return Kind::layout_tar;
    docker = docker || name == "manifest.json" || name.ends_with("/layer.tar") || is_hex_name(name, ".json") || is_hex_name(name, ".tar");
  }
  return docker ? Kind::docker_archive : Kind::tarball;
}

// The longest beginning of `text` that is a path, and what stands behind its colon.
bool split_path(const std::string& text, Found& found) {
  std::error_code error;
  for (std::size_t end = text.size(); end != std::string::npos && end > 0; end = text.rfind(':', end - 1)) {
    if (!fs::exists(text.substr(0, end), error)) continue;
    found.path = text.substr(0, end);
    found.reference = end == text.size() ? "" : text.substr(end + 1);
    return true;
  }
  return false;
}

Result<Found> locate(const std::string& source) {
  Found found;
  if (source.starts_with("docker://") || source.starts_with("docker-daemon:")) return Found{Kind::registry, "", source, source};
  constexpr std::pair<const char*, Kind> prefixes[] = {
      {"oci:", Kind::layout}, {"docker-archive:", Kind::docker_archive}, {"dir:", Kind::folder}, {"tar:", Kind::tarball}};
  for (const auto& [prefix, kind] : prefixes) {
    if (!source.starts_with(prefix)) continue;
    if (!split_path(source.substr(std::string(prefix).size()), found)) break;
    found.kind = kind == Kind::layout && !fs::is_directory(found.path) ? Kind::layout_tar : kind;
    return found;
  }
  if (split_path(source, found)) {
    if (fs::is_directory(found.path)) {
      found.kind = fs::exists(found.path + "/oci-layout") ? Kind::layout : Kind::folder;
      return found;
    }
    auto kind = kind_of_tar(found.path);
    if (!kind) return kind.error();
    found.kind = *kind;
    return found;
  }
  const bool is_name = !source.empty() && source.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-/:@") == std::string::npos &&
                       source.front() != '/' && source.front() != '.';
  if (is_name) return Found{Kind::registry, "", "docker://" + source, "docker://" + source};
  return Error{Code::not_found, in_quotes(source) + ": there is no such file or folder; give an OCI layout, a docker-archive, a root "
                                                    "folder or tarball, or docker://NAME"};
}

std::uint64_t size_of(const std::string& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return error ? 0 : size;
}

Result<SourceFacts> read_tarball(const SourceRequest& request, const std::string& path, Tree& tree, Spool& spool, Steps& steps) {
  SourceFacts facts;
  facts.kind = "tarball";
  facts.config.architecture = request.platform.architecture;
  steps.begin("reading " + path, size_of(path));
  const TarFile file{in_quotes(path), path, "", false};
  if (auto read = read_tar(file, tree, spool, steps, &facts.digest); !read) return read.error();
  return facts;
}

Result<SourceFacts> read_image(const SourceRequest& request, const Found& found, Tree& tree, Spool& spool, Steps& steps) {
  Members members = Members::of_folder(found.path, found.origin);
  if (found.kind != Kind::layout) {
    const std::string folder = request.work + "/members";
    if (auto made = make_folders(folder); !made) return made.error();
    steps.begin("reading " + found.path, size_of(found.path));
    auto taken = Members::of_tar(found.path, folder, steps);
    if (!taken) return taken.error();
    members = std::move(*taken);
  }
  auto image = found.kind == Kind::docker_archive ? open_docker_archive(members, request.platform, found.reference)
                                                  : open_oci_layout(members, request.platform, found.reference);
  if (!image) return image.error();
  SourceFacts facts{image->config, "image", image->digest};
  if (request.spec.needs_buildah()) {
    const std::string transport = found.kind == Kind::layout ? "oci:" : found.kind == Kind::layout_tar ? "oci-archive:" : "docker-archive:";
    // By a name of ours: buildah cuts a reference at its colons, and makes a name of the rest, which must be in small letters.
    const std::string link = request.work + "/base";
    std::error_code failed;
    fs::create_symlink(fs::absolute(found.path), link, failed);
    if (failed) return Error{Code::internal, "cannot make " + link + ": " + failed.message()};
    const std::string base = transport + "base" + (found.reference.empty() ? "" : ":" + found.reference);
    auto merged = run_dockerfile(request, base, steps);
    if (!merged) return merged.error();
    facts.digest = merged->digest;
    // The text begins as root, so that it may install packages; that is no word on who runs the image.
    const std::string user = merged->config.user == "root" ? image->config.user : merged->config.user;
    facts.config = merged->config;
    facts.config.user = user;
    // Not a part of the format in which buildah hands it over.
    if (!facts.config.healthcheck) facts.config.healthcheck = image->config.healthcheck;
    image = std::move(merged);
  }
  std::uint64_t total = 0;
  for (const TarFile& layer : image->layers) total += size_of(layer.path);
  steps.begin("reading " + std::to_string(image->layers.size()) + " layers", total);
  for (const TarFile& layer : image->layers) {
    if (auto read = read_tar(layer, tree, spool, steps); !read) return read.error();
  }
  return facts;
}

}  // namespace

Result<SourceFacts> read_source(const SourceRequest& request, Tree& tree, Spool& spool, Steps& steps) {
  if (!request.debian.empty()) {
    auto tar = fetch_debian(request, steps);
    if (!tar) return tar.error();
    auto facts = read_tarball(request, *tar, tree, spool, steps);
    if (facts) facts->kind = "Debian packages";
    std::error_code error;
    fs::remove(*tar, error);
    return facts;
  }
  auto found = locate(request.source);
  if (!found) return found.error();
  if (found->kind == Kind::registry) {
    auto layout = fetch_image(request, found->reference, steps);
    if (!layout) return layout.error();
    *found = Found{Kind::layout, *layout, "", found->origin};
  }
  const bool is_image = found->kind != Kind::folder && found->kind != Kind::tarball;
  if (!is_image && request.spec.needs_buildah()) {
    return Error{Code::invalid_argument, "build and merge of the spec need an image to work on; " + in_quotes(request.source) + " is a root file system"};
  }
  if (is_image) return read_image(request, *found, tree, spool, steps);
  if (found->kind == Kind::tarball) return read_tarball(request, found->path, tree, spool, steps);
  steps.begin("reading " + found->path, 0);
  auto digest = read_folder(found->path, tree, spool, steps);
  if (!digest) return digest.error();
  SourceFacts facts{{}, "folder", *digest};
  facts.config.architecture = request.platform.architecture;
  return facts;
}

}  // namespace neonvm::builder
