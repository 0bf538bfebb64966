#include "vm-builder/image_store.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "vm-builder/digest.hpp"
#include "vm-builder/file_io.hpp"
#include "vm-builder/in_quotes.hpp"
#include "vm-builder/publish.hpp"
#include "vm-builder/work_folder.hpp"

namespace neonvm::builder {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t least_digits = 8, most_name = 200, most_facts = 1 << 20;
constexpr const char* letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
constexpr const char* more_letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_/:@+";

std::string file_of(const std::string& name) {
  std::string file;
  for (const char c : name) file += c == '/' ? std::string("%2f") : std::string(1, c);
  return file;
}

std::string name_of(std::string file) {
  for (std::size_t at = 0; (at = file.find("%2f", at)) != std::string::npos; ++at) file.replace(at, 3, "/");
  return file;
}

bool is_used(const std::string& path, const std::vector<std::string>& used) {
  return std::find(used.begin(), used.end(), path) != used.end();
}

Result<std::string> digest_of_file(const std::string& path) {
  auto fd = open_to_read(path);
  if (!fd) return fd.error();
  Sha256 sum;
  std::vector<char> block(1 << 20);
  for (;;) {
    const ssize_t got = ::read(fd->get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error(in_quotes(path), errno);
    if (got == 0) return sum.digest();
    sum.add(block.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

Status check_image_name(const std::string& name) {
  if (name.empty() || name.size() > most_name || std::string(letters).find(name.front()) == std::string::npos ||
      name.find_first_not_of(more_letters) != std::string::npos || name.find("..") != std::string::npos) {
    return Error{Code::invalid_argument, in_quotes(name) + " cannot be an image's name; use letters, digits and . - _ / : @ +, at most 200, "
                                                           "a letter or digit first"};
  }
  return {};
}

Result<ImageStore> ImageStore::at(const std::string& folder) {
  for (const char* part : {"/disks", "/names", "/part"}) {
    if (auto made = make_folders(folder + part); !made) return made.error();
  }
  return ImageStore(fs::absolute(folder).lexically_normal().string());
}

std::string ImageStore::disk(const std::string& hex, const std::string& format) const { return folder_ + "/disks/" + hex + "." + format; }

std::map<std::string, std::string> ImageStore::names() const {
  std::map<std::string, std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_ + "/names", error)) {
    const std::string file = entry.path().filename().string();
    if (file.find(".new-") != std::string::npos) continue;
    auto hex = read_file(entry.path().string(), 100);
    if (hex) names[name_of(file)] = hex->substr(0, hex->find('\n'));
  }
  return names;
}

Result<StoredImage> ImageStore::load(const std::string& hex) const {
  auto text = read_file(folder_ + "/disks/" + hex + ".json", most_facts);
  if (!text) return text.error();
  auto facts = decode_image_facts(in_quotes(hex + ".json"), *text);
  if (!facts) return facts.error();
  StoredImage image{{}, std::move(*facts), ""};
  image.path = disk(hex, image.facts.format);
  for (const auto& [name, meant] : names()) {
    if (meant == hex) image.names.push_back(name);
  }
  return image;
}

Result<StoredImage> ImageStore::add(const std::string& file, ImageFacts facts, const std::string& name) {
  if (!name.empty()) {
    if (auto checked = check_image_name(name); !checked) return checked.error();
  }
  auto digest = digest_of_file(file);
  if (!digest) return digest.error();
  std::error_code error;
  facts.digest = *digest;
  facts.file_size = fs::file_size(file, error);
  const std::string hex = digest->substr(7);
  // Not between another's look at the names and its removal of the disk.
  auto lock = lock_file(folder_ + "/.lock");
  if (!lock) return lock.error();
  // The build that made the same bytes knows more of them than whoever brings them back.
  if (facts.root == unknown_root) {
    if (auto known = load(hex)) facts = known->facts;
  }
  if (auto put = publish_file(file, disk(hex, facts.format), false, true); !put) return put.error();
  if (auto put = write_file(folder_ + "/disks/" + hex + ".json", encode(facts), true); !put) return put.error();
  if (!name.empty()) {
    if (auto put = write_file(folder_ + "/names/" + file_of(name), hex + "\n", true); !put) return put.error();
  }
  return load(hex);
}

Result<StoredImage> ImageStore::find(const std::string& name) const {
  const auto all = names();
  if (const auto found = all.find(name); found != all.end()) return load(found->second);
  const std::string digits = name.starts_with("sha256:") ? name.substr(7) : name;
  std::vector<std::string> fitting;
  std::error_code error;
  if (digits.size() >= least_digits && digits.find_first_not_of("0123456789abcdef") == std::string::npos) {
    for (const auto& entry : fs::directory_iterator(folder_ + "/disks", error)) {
      const std::string stem = entry.path().stem().string();
      if (entry.path().extension() == ".json" && stem.starts_with(digits)) fitting.push_back(stem);
    }
  }
  if (fitting.size() == 1) return load(fitting.front());
  if (fitting.size() > 1) return Error{Code::invalid_argument, in_quotes(name) + " is the beginning of several digests; give more of it"};
  std::string there;
  for (const auto& [each, hex] : all) there += (there.empty() ? "" : ", ") + each;
  return Error{Code::not_found, "there is no image " + in_quotes(name) + (there.empty() ? "; none is there yet: neonvm build" : "; there is: " + there)};
}

Result<std::vector<StoredImage>> ImageStore::list() const {
  std::vector<StoredImage> images;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_ + "/disks", error)) {
    if (entry.path().extension() != ".json") continue;
    auto image = load(entry.path().stem().string());
    if (!image && image.error().code == Code::not_found) continue;  // removed in the meantime
    if (!image) return image.error();
    images.push_back(std::move(*image));
  }
  std::sort(images.begin(), images.end(), [](const StoredImage& a, const StoredImage& b) {
    if (a.names.empty() != b.names.empty()) return b.names.empty();
    return a.names == b.names ? a.facts.digest < b.facts.digest : a.names < b.names;
  });
  return images;
}

// The facts first: without them a disk counts for nothing.
Status ImageStore::drop(const StoredImage& image) const {
  const std::string facts = image.path.substr(0, image.path.rfind('.')) + ".json";
  for (const std::string& path : {facts, image.path}) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error(in_quotes(path), errno);
  }
  return {};
}

Result<bool> ImageStore::remove(const std::string& name, const std::vector<std::string>& used) {
  auto lock = lock_file(folder_ + "/.lock");
  if (!lock) return lock.error();
  auto image = find(name);
  if (!image) return image.error();
  const bool is_name = std::find(image->names.begin(), image->names.end(), name) != image->names.end();
  const std::size_t left = image->names.size() - (is_name ? 1 : 0);
  if (left == 0 && is_used(image->path, used)) {
    return Error{Code::failed_precondition, "image " + in_quotes(name) + " is the disk of a VM; delete that first"};
  }
  if (!is_name && left > 0) {
    return Error{Code::failed_precondition, in_quotes(name) + " still has a name: " + image->names.front() + "; remove that"};
  }
  if (is_name && ::unlink((folder_ + "/names/" + file_of(name)).c_str()) != 0) return errno_error(in_quotes(name), errno);
  if (left > 0) return false;
  if (auto dropped = drop(*image); !dropped) return dropped.error();
  return true;
}

Result<std::uint64_t> ImageStore::prune(const std::vector<std::string>& used) {
  auto lock = lock_file(folder_ + "/.lock");
  if (!lock) return lock.error();
  auto images = list();
  if (!images) return images.error();
  std::uint64_t bytes = 0;
  for (const StoredImage& image : *images) {
    if (!image.names.empty() || is_used(image.path, used)) continue;
    if (auto dropped = drop(image); !dropped) return dropped.error();
    bytes += image.facts.file_size;
  }
  // Disks whose facts never came, because somebody was killed between the two.
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_ + "/disks", error)) {
    fs::path facts = entry.path();
    const bool lonely = entry.path().extension() != ".json" && !fs::exists(facts.replace_extension(".json"), error);
    if (!lonely || is_used(entry.path().string(), used)) continue;
    bytes += entry.file_size(error);
    fs::remove(entry.path(), error);
  }
  return bytes;
}

}  // namespace neonvm::builder
