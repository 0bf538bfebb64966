#include "vm-builder/oci_output.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <vector>

#include "vm-builder/digest.hpp"
#include "vm-builder/file_io.hpp"
#include "vm-builder/in_quotes.hpp"
#include "vm-builder/json_document.hpp"

namespace neonvm::builder {
namespace {

constexpr const char* applets[] = {"sh", "mv", "cp", "chown", "chmod", "sysctl", "cat", "ls", "mkdir", "sync"};

class TarWriter {
 public:
  TarWriter(const std::string& path, bool compress) : path_(path), archive_(archive_write_new()) {
    archive_write_set_format_pax_restricted(archive_);
    if (compress) {
      archive_write_add_filter_gzip(archive_);
      archive_write_set_options(archive_, "gzip:compression-level=1,gzip:!timestamp");
    }
    archive_write_open_filename(archive_, path.c_str());
  }
  ~TarWriter() { archive_write_free(archive_); }
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;

  Status folder(const std::string& name) { return begin(name, AE_IFDIR, 0, 0755, ""); }
  Status link(const std::string& name, const std::string& target) { return begin(name, AE_IFLNK, 0, 0777, target); }
  Status text(const std::string& name, const std::string& text) {
    auto begun = begin(name, AE_IFREG, text.size(), 0644, "");
    return begun ? data(text.data(), text.size()) : begun;
  }
  Status file(const std::string& name, const std::string& from, unsigned mode, Steps& steps) {
    auto fd = open_to_read(from);
    if (!fd) return fd.error();
    std::error_code error;
    if (auto begun = begin(name, AE_IFREG, std::filesystem::file_size(from, error), mode, ""); !begun) return begun;
    std::vector<char> block(1 << 20);
    for (;;) {
      const ssize_t got = ::read(fd->get(), block.data(), block.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return errno_error(in_quotes(from), errno);
      if (got == 0) return {};
      if (auto put = data(block.data(), static_cast<std::size_t>(got)); !put) return put;
      steps.advance(static_cast<std::uint64_t>(got));
    }
  }
  Status close() { return archive_write_close(archive_) == ARCHIVE_OK ? Status{} : fault(); }

 private:
  Error fault() const { return errno_error(in_quotes(path_), archive_errno(archive_)); }
  Status begin(const std::string& name, unsigned type, std::uint64_t size, unsigned mode, const std::string& target) {
    const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(), archive_entry_free);
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_filetype(entry.get(), type);
    archive_entry_set_perm(entry.get(), static_cast<__LA_MODE_T>(mode));
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
    archive_entry_set_mtime(entry.get(), 0, 0);
    if (!target.empty()) archive_entry_set_symlink(entry.get(), target.c_str());
    return archive_write_header(archive_, entry.get()) == ARCHIVE_OK ? Status{} : fault();
  }
  Status data(const void* bytes, std::size_t size) {
    return archive_write_data(archive_, bytes, size) == static_cast<la_ssize_t>(size) ? Status{} : fault();
  }

  std::string path_;
  archive* archive_;
};

Status write_layer(const OciOutput& output, const std::string& path, Steps& steps) {
  TarWriter tar(path, true);
  if (!output.busybox.empty()) {
    if (auto put = tar.folder("bin/"); !put) return put;
    if (auto put = tar.file("bin/busybox", output.busybox, 0755, steps); !put) return put;
    for (const char* applet : applets) {
      if (auto put = tar.link(std::string("bin/") + applet, "busybox"); !put) return put;
    }
  }
  const std::string name = output.disk.ends_with(".qcow2") ? "disk.qcow2" : "disk.raw";
  if (auto put = tar.file(name, output.disk, 0644, steps); !put) return put;
  return tar.close();
}

// Digests of a compressed layer and of the tar inside, which the configuration names.
Result<std::string> digest_of(const std::string& path, bool inside) {
  const std::unique_ptr<archive, int (*)(archive*)> from(archive_read_new(), archive_read_free);
  if (inside) archive_read_support_filter_gzip(from.get());
  archive_read_support_format_raw(from.get());
  archive_entry* entry = nullptr;
  if (archive_read_open_filename(from.get(), path.c_str(), 1 << 18) != ARCHIVE_OK || archive_read_next_header(from.get(), &entry) != ARCHIVE_OK) {
    return errno_error(in_quotes(path), archive_errno(from.get()));
  }
  Sha256 sum;
  std::vector<char> block(1 << 20);
  la_ssize_t got = 0;
  while ((got = archive_read_data(from.get(), block.data(), block.size())) > 0) sum.add(block.data(), static_cast<std::size_t>(got));
  if (got < 0) return errno_error(in_quotes(path), archive_errno(from.get()));
  return sum.digest();
}

Json descriptor(const char* type, const std::string& digest, std::uint64_t size) {
  return {{"mediaType", type}, {"digest", digest}, {"size", size}};
}

}  // namespace

Result<std::string> write_oci(const OciOutput& output, Steps& steps) {
  const std::string layer = output.work + "/layer.tar.gz", path = output.work + "/image.tar";
  std::error_code error;
  steps.begin("packing the OCI image", std::filesystem::file_size(output.disk, error));
  if (auto written = write_layer(output, layer, steps); !written) return written.error();
  auto digest = digest_of(layer, false), inside = digest_of(layer, true);
  if (!digest || !inside) return digest ? inside.error() : digest.error();
  const Json config = {{"architecture", output.architecture}, {"os", "linux"}, {"config", Json::object()},
                       {"rootfs", {{"type", "layers"}, {"diff_ids", {*inside}}}}};
  const std::string config_text = config.dump();
  Json manifest = {{"schemaVersion", 2}, {"mediaType", "application/vnd.oci.image.manifest.v1+json"}};
  manifest["config"] = descriptor("application/vnd.oci.image.config.v1+json", sha256_of(config_text), config_text.size());
  manifest["layers"] = Json::array({descriptor("application/vnd.oci.image.layer.v1.tar+gzip", *digest, std::filesystem::file_size(layer, error))});
  const std::string manifest_text = manifest.dump();
  Json top = descriptor("application/vnd.oci.image.manifest.v1+json", sha256_of(manifest_text), manifest_text.size());
  if (!output.reference.empty()) top["annotations"] = {{"org.opencontainers.image.ref.name", output.reference}};
  const Json index = {{"schemaVersion", 2}, {"manifests", Json::array({top})}};

  TarWriter tar(path, false);
  const std::string blobs = "blobs/sha256/";
  for (const auto& [name, text] : {std::pair{std::string("oci-layout"), std::string(R"({"imageLayoutVersion":"1.0.0"})")},
                                   std::pair{std::string("index.json"), index.dump()},
                                   std::pair{blobs + sha256_of(config_text).substr(7), config_text},
                                   std::pair{blobs + sha256_of(manifest_text).substr(7), manifest_text}}) {
    if (auto put = tar.text(name, text); !put) return put.error();
  }
  if (auto put = tar.file(blobs + digest->substr(7), layer, 0644, steps); !put) return put.error();
  if (auto closed = tar.close(); !closed) return closed.error();
  std::filesystem::remove(layer, error);
  return path;
}

}  // namespace neonvm::builder
