#include "core/wire/vm_disks.hpp"

#include "core/wire/common_fields.hpp"

namespace neonvm::wire {
namespace {

constexpr std::pair<DiskSource, const char*> sources[] = {{DiskSource::empty, "emptyDisk"},
                                                          {DiskSource::config_map, "configMap"},
                                                          {DiskSource::secret, "secret"},
                                                          {DiskSource::tmpfs, "tmpfs"},
                                                          {DiskSource::image, "image"}};

void files_members(auto& v, auto& d) {
  v.field("items", d.items);
  v.field_or("optional", d.optional, false);
  v.field("defaultMode", d.default_mode);
}

void source_members(auto& v, DiskSource source, auto& d) {
  switch (source) {
    case DiskSource::empty:
      v.need("size", d.size);
      v.field_or("discard", d.discard, false);
      v.field_or("enableQuotas", d.quotas, false);
      return;
    case DiskSource::config_map:
      v.need("name", d.reference);
      return files_members(v, d);
    case DiskSource::secret:
      v.need("secretName", d.reference);
      return files_members(v, d);
    case DiskSource::tmpfs: v.need("size", d.size); return;
    case DiskSource::image: v.need("path", d.reference); return;
  }
}

void describe(auto& v, Like<Disk> auto& d) {
  v.need("name", d.name);
  v.need("mountPath", d.mount_path);
  v.field_or("readOnly", d.read_only, false);
  v.field_or("watch", d.watch, false);
}

void read_disk(Reader& reader, Disk& disk) {
  describe(reader, disk);
  int found = 0;
  for (const auto& [source, key] : sources) {
    if (!reader.has(key)) continue;
    ++found;
    disk.source = source;
    reader.group(key, [&disk, source = source](Reader& inner) { source_members(inner, source, disk); });
  }
  if (found != 1) {
    const char* count = found == 0 ? "no" : "more than one";
    reader.fault("", std::string("has ") + count +
                         " source; give one of emptyDisk, configMap, secret, tmpfs and image");
  }
}

Json write_disk(const Disk& disk, const Json& start) {
  Writer writer(start);
  describe(writer, disk);
  for (const auto& [source, key] : sources) {
    if (source == disk.source) {
      writer.group(key, [&disk, source = source](Writer& inner) { source_members(inner, source, disk); });
    } else {
      writer.erase(key);
    }
  }
  return writer.take();
}

Json named(const Json& disks, const std::string& name) {
  if (!disks.is_array()) return {};
  for (const Json& each : disks) {
    if (each.is_object() && each.contains("name") && each["name"] == name) return each;
  }
  return {};
}

}  // namespace

void read_disks(const Json& spec, std::vector<Disk>& disks, Faults& faults) {
  if (!spec.contains("disks") || spec["disks"].is_null()) return;
  const Json& list = spec["disks"];
  if (!list.is_array()) return faults.add("spec.disks", std::string("expected a list, found ") + kind_of(list));
  for (std::size_t i = 0; i < list.size(); ++i) {
    Disk disk;
    Reader reader(list[i], "spec.disks[" + std::to_string(i) + "]", faults, Keys::strict);
    read_disk(reader, disk);
    reader.close();
    disks.push_back(std::move(disk));
  }
}

void write_disks(const std::vector<Disk>& disks, Json& spec) {
  const Json before = spec.contains("disks") ? spec["disks"] : Json();
  Json list = Json::array();
  for (const Disk& disk : disks) list.push_back(write_disk(disk, named(before, disk.name)));
  if (list.empty()) {
    spec.erase("disks");
  } else {
    spec["disks"] = std::move(list);
  }
}

}  // namespace neonvm::wire
