#include "vm-builder/tree.hpp"

#include <utility>

#include "vm-builder/in_quotes.hpp"

namespace neonvm::builder {
namespace {

constexpr std::size_t longest_name = 255;   // ext4 and erofs alike
constexpr std::size_t longest_path = 4096;  // PATH_MAX
constexpr int most_hops = 40;               // as in the kernel

// Cuts the first part off; "" and "." are skipped by the callers.
std::string_view next_part(std::string_view& path) {
  const std::size_t slash = path.find('/');
  const std::string_view part = path.substr(0, slash);
  path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  return part;
}

bool is_nothing(std::string_view part) { return part.empty() || part == "."; }

// Removes what layers below `layer` wrote. True when nothing is left in it.
bool drop_lower(Inode& folder, std::uint32_t layer) {
  for (auto entry = folder.children.begin(); entry != folder.children.end();) {
    Inode& inode = *entry->second.inode;
    const bool is_folder = inode.type == FileType::directory;
    const bool empty = is_folder && drop_lower(inode, layer);
    const bool goes = entry->second.layer < layer && (!is_folder || empty);
    entry = goes ? folder.children.erase(entry) : std::next(entry);
  }
  return folder.children.empty();
}

}  // namespace

// Where a name stands or would stand: its folder (nullptr when that is not there) and the name; an empty name is the root.
struct Tree::Place {
  Inode* folder = nullptr;
  std::string name;
};

const char* to_string(FileType type) {
  switch (type) {
    case FileType::regular: return "a file";
    case FileType::directory: return "a directory";
    case FileType::symlink: return "a symbolic link";
    case FileType::char_device: return "a character device";
    case FileType::block_device: return "a block device";
    case FileType::fifo: return "a pipe";
  }
  return "?";
}

Tree::Tree(Limits limits) : limits_(limits), root_{std::make_shared<Inode>(), 0} {}

void Tree::begin_layer(std::string name) {
  layer_name_ = std::move(name);
  ++layer_;
}

Error Tree::fault(std::string_view path, std::string_view what) const {
  return Error{Code::invalid_argument, layer_name_ + ": " + in_quotes(path) + ": " + std::string(what)};
}

Status Tree::count(std::string_view path) {
  if (++entries_ <= limits_.entries) return {};
  return fault(path, "the image has more than " + std::to_string(limits_.entries) + " entries");
}

Status Tree::take_bytes(std::string_view path, std::uint64_t bytes) {
  if (bytes > limits_.bytes - bytes_) {
    return fault(path, "its " + std::to_string(bytes) + " bytes lead beyond the " + std::to_string(limits_.bytes) +
                           " that an image may hold");
  }
  bytes_ += bytes;
  return {};
}

// `way` holds the folders from the root to here, so that ".." in a link's target has a place to go back to.
Result<Inode*> Tree::step(Inode* folder, std::string_view part, std::vector<Inode*>& way, std::string_view path, bool make) {
  auto found = folder->children.find(std::string(part));
  if (found == folder->children.end()) {
    if (!make) return static_cast<Inode*>(nullptr);
    if (auto counted = count(path); !counted) return counted.error();
    found = folder->children.emplace(std::string(part), Entry{std::make_shared<Inode>(), layer_}).first;
  }
  const Entry& entry = found->second;
  if (entry.inode->type == FileType::symlink) return follow(entry, way, path, make);
  if (entry.inode->type != FileType::directory) {
    return fault(path, in_quotes(part) + " on the way there is " + to_string(entry.inode->type));
  }
  if (way.size() >= limits_.depth) {
    return fault(path, "directories are deeper than " + std::to_string(limits_.depth));
  }
  way.push_back(entry.inode.get());
  return way.back();
}

Result<Inode*> Tree::follow(const Entry& link, std::vector<Inode*>& way, std::string_view path, bool make) {
  if (make && link.layer == layer_) return fault(path, "leads through a symbolic link of the same layer");
  if (++hops_ > most_hops) return fault(path, "leads through more than " + std::to_string(most_hops) + " symbolic links");
  const std::string target = link.inode->target;
  if (target.starts_with('/')) way.resize(1);
  std::string_view rest = target;
  while (!rest.empty()) {
    const std::string_view part = next_part(rest);
    if (is_nothing(part)) continue;
    if (part == "..") {
      if (way.size() == 1) return fault(path, "leads out of the root, through a symbolic link to " + in_quotes(target));
      way.pop_back();
      continue;
    }
    auto next = step(way.back(), part, way, path, make);
    if (!next || *next == nullptr) return next;
  }
  return way.back();
}

Result<Inode*> Tree::folder_for(std::string_view parents, std::vector<Inode*>& way, std::string_view path, bool make) {
  while (!parents.empty()) {
    const std::string_view part = next_part(parents);
    if (is_nothing(part)) continue;
    auto next = step(way.back(), part, way, path, make);
    if (!next || *next == nullptr) return next;
  }
  return way.back();
}

Result<Tree::Place> Tree::place_of(std::string_view path, bool make_parents) {
  if (path.empty()) return fault(path, "has no name");
  if (path.size() > longest_path) return fault(path, "is longer than 4096 bytes");
  if (path.find('\0') != std::string_view::npos) return fault(path, "has a zero byte in its name");
  std::vector<std::string_view> parts;
  for (std::string_view rest = path; !rest.empty();) {
    const std::string_view part = next_part(rest);
    if (is_nothing(part)) continue;
    if (part == "..") return fault(path, "has \"..\" in its path");
    if (part.size() > longest_name) return fault(path, "has a name of more than 255 bytes");
    parts.push_back(part);
  }
  if (parts.empty()) return Place{root_.inode.get(), ""};
  hops_ = 0;
  std::vector<Inode*> way = {root_.inode.get()};
  const std::string_view parents = path.substr(0, static_cast<std::size_t>(parts.back().data() - path.data()));
  auto folder = folder_for(parents, way, path, make_parents);
  if (!folder) return folder.error();
  return Place{*folder, std::string(parts.back())};
}

Status Tree::add(std::string_view path, Inode inode) {
  if (auto counted = count(path); !counted) return counted.error();
  auto place = place_of(path, true);
  if (!place) return place.error();
  const bool is_folder = inode.type == FileType::directory;
  if (place->name.empty() && !is_folder) return fault(path, "the root cannot be " + std::string(to_string(inode.type)));
  Entry& entry = place->name.empty() ? root_ : place->folder->children[place->name];
  const bool over_folder = entry.inode && entry.inode->type == FileType::directory;
  if (entry.inode && entry.layer == layer_ && !(is_folder && over_folder)) {
    return fault(path, "stands twice in this layer");
  }
  if (is_folder && over_folder) {
    inode.children = std::move(entry.inode->children);
    *entry.inode = std::move(inode);
  } else {
    entry.inode = std::make_shared<Inode>(std::move(inode));
  }
  entry.layer = layer_;
  return {};
}

Status Tree::link(std::string_view path, std::string_view target) {
  if (auto counted = count(path); !counted) return counted.error();
  auto from = place_of(target, false);
  if (!from) return from.error().at(in_quotes(path) + " is a hard link");
  const auto found = from->folder == nullptr ? std::map<std::string, Entry>::iterator{} : from->folder->children.find(from->name);
  if (from->folder == nullptr || found == from->folder->children.end()) {
    return fault(path, "is a hard link to " + in_quotes(target) + ", which is not there");
  }
  const std::shared_ptr<Inode> inode = found->second.inode;
  if (inode->type == FileType::directory) return fault(path, "is a hard link to a directory, " + in_quotes(target));
  auto place = place_of(path, true);
  if (!place) return place.error();
  if (place->name.empty()) return fault(path, "the root cannot be a hard link");
  Entry& entry = place->folder->children[place->name];
  if (entry.inode && entry.layer == layer_) return fault(path, "stands twice in this layer");
  entry = Entry{inode, layer_};
  return {};
}

Status Tree::remove_lower(std::string_view path) {
  if (auto counted = count(path); !counted) return counted.error();
  auto place = place_of(path, false);
  if (!place) return place.error();
  if (place->name.empty()) return fault(path, "the root cannot be removed");
  if (place->folder == nullptr) return {};
  const auto found = place->folder->children.find(place->name);
  if (found == place->folder->children.end()) return {};
  Inode& inode = *found->second.inode;
  const bool empty = inode.type != FileType::directory || drop_lower(inode, layer_);
  if (empty && found->second.layer < layer_) place->folder->children.erase(found);
  return {};
}

Status Tree::hide_lower(std::string_view path) {
  if (auto counted = count(path); !counted) return counted.error();
  auto place = place_of(path, false);
  if (!place) return place.error();
  if (place->folder == nullptr) return {};
  Inode* folder = place->folder;
  if (!place->name.empty()) {
    const auto found = folder->children.find(place->name);
    if (found == folder->children.end()) return {};
    folder = found->second.inode.get();
  }
  if (folder->type == FileType::directory) drop_lower(*folder, layer_);
  return {};
}

const Inode* Tree::find(std::string_view path) const {
  std::string rest(path);
  std::vector<const Inode*> way = {root_.inode.get()};
  for (int hops = 0; !rest.empty();) {
    std::string_view tail = rest;
    const std::string part(next_part(tail));
    rest = std::string(tail);
    if (is_nothing(part)) continue;
    if (part == "..") {
      if (way.size() > 1) way.pop_back();
      continue;
    }
    const auto found = way.back()->children.find(part);
    if (found == way.back()->children.end()) return nullptr;
    const Inode& inode = *found->second.inode;
    if (inode.type != FileType::symlink) {
      way.push_back(&inode);
      continue;
    }
    if (++hops > most_hops) return nullptr;
    if (inode.target.starts_with('/')) way.resize(1);
    rest = inode.target + "/" + rest;
  }
  return way.back();
}

}  // namespace neonvm::builder
