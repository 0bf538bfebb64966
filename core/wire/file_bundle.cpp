#include "core/wire/file_bundle.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

#include "core/wire/reader.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {
namespace {

constexpr std::size_t longest_part = 255, longest_bundled_path = 1024, longest_head = 8192;

struct BundleHead {
  std::string path;
  std::uint32_t mode = 0;
  std::uint64_t size = 0;

  friend bool operator==(const BundleHead&, const BundleHead&) = default;
};

void describe(auto& v, Like<BundleHead> auto& h) {
  v.need("path", h.path);
  v.need("mode", h.mode);
  v.need("size", h.size);
}

Error refuse(const std::string& path, const char* why) { return Error{Code::invalid_argument, "file \"" + printable(path) + "\": " + why}; }

Status check_bundled_path(const std::string& path) {
  if (path.empty() || path.size() > longest_bundled_path) return refuse(path, "its path is empty or longer than 1024 bytes");
  std::string_view rest = path;
  while (true) {
    const std::string_view part = rest.substr(0, rest.find('/'));
    if (part.empty() || part == "." || part.starts_with("..")) return refuse(path, "no part of a path may be empty, be \".\" or begin with \"..\"");
    if (part.size() > longest_part) return refuse(path, "a part of its path is longer than 255 bytes");
    if (part.find('\0') != std::string_view::npos) return refuse(path, "its path has a zero byte");
    if (part.size() == rest.size()) return {};
    rest.remove_prefix(part.size() + 1);
  }
}

std::uint64_t hashed(std::string_view text, std::uint64_t start) {
  std::uint64_t value = 14695981039346656037ULL ^ start;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  return value ^ (value >> 29);
}

}  // namespace

Status check_bundle(const FileBundle& bundle) {
  if (bundle.size() > most_bundle_files) return Error{Code::invalid_argument, "more than 1024 files; give fewer"};
  std::size_t bytes = 0;
  std::set<std::string> paths;
  for (const BundledFile& file : bundle) {
    if (auto good = check_bundled_path(file.path); !good) return good;
    if (file.mode > 0777) return refuse(file.path, "its mode is above 0777");
    bytes += file.bytes.size();
    if (!paths.insert(file.path).second) return refuse(file.path, "is there twice");
  }
  if (bytes > most_bundle_bytes) return Error{Code::invalid_argument, "more than 4Mi in all; give less"};
  for (const std::string& path : paths) {
    for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      if (paths.contains(path.substr(0, slash))) return refuse(path, "is below another file");
    }
  }
  return {};
}

std::string encode(FileBundle bundle) {
  std::sort(bundle.begin(), bundle.end(), [](const BundledFile& a, const BundledFile& b) { return a.path < b.path; });
  std::string text;
  for (const BundledFile& file : bundle) {
    text += write_text(BundleHead{file.path, file.mode, file.bytes.size()}) + "\n";
    text += file.bytes;
  }
  return text;
}

Result<FileBundle> decode_file_bundle(std::string_view text) {
  FileBundle bundle;
  while (!text.empty()) {
    const std::size_t end = text.substr(0, longest_head).find('\n');
    if (end == std::string_view::npos) return Error{Code::invalid_argument, "a file's line does not end"};
    auto head = read_text<BundleHead>(text.substr(0, end), Keys::lenient);
    if (!head) return head.error();
    text.remove_prefix(end + 1);
    if (head->size > text.size()) return refuse(head->path, "is cut short");
    bundle.push_back({std::move(head->path), head->mode, std::string(text.substr(0, head->size))});
    text.remove_prefix(head->size);
    if (bundle.size() > most_bundle_files) break;
  }
  if (auto good = check_bundle(bundle); !good) return good.error();
  return bundle;
}

std::string checksum_of(std::string_view encoded) {
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%016llx%016llx", static_cast<unsigned long long>(hashed(encoded, 1)),
                static_cast<unsigned long long>(hashed(encoded, 2)));
  return text.data();
}

}  // namespace neonvm::wire
