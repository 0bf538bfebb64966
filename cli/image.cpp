// neonvm image: the disks that were built: list, inspect, rm, prune, import, export.
#include <filesystem>
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/image_steps.hpp"
#include "cli/output.hpp"
#include "vm-builder/publish.hpp"
#include "vm-builder/work_folder.hpp"

namespace neonvm::cli {

namespace {

namespace fs = std::filesystem;

struct ImageOptions {
  std::string action, output = "table", name, arch = "amd64";
  std::vector<std::string> rest;
};

std::string short_digest(const std::string& digest) { return digest.substr(7, 12); }

Result<int> list_images(const builder::ImageStore& store, const ImageOptions& options) {
  auto images = store.list();
  if (!images) return images.error();
  if (options.output == "json") {
    std::string json = "[";
    for (const auto& image : *images) {
      std::string names;
      for (const std::string& name : image.names) names += (names.empty() ? "" : ",") + json_string(name);
      json += std::string(json.size() == 1 ? "" : ",") + "{\"names\":[" + names + "],\"path\":" + json_string(image.path) +
              ",\"image\":" + encode(image.facts) + "}";
    }
    std::cout << json << "]\n";
    return 0;
  }
  if (images->empty()) {
    std::cerr << "No images. Make one: neonvm build --debian busybox-static --variant extract --name busybox\n";
    return 0;
  }
  Table table({"NAME", "DIGEST", "ROOT", "DISK", "FILE", "ARCH", "SOURCE"});
  for (const auto& image : *images) {
    std::vector<std::string> names = image.names;
    if (names.empty()) names.emplace_back("-");
    for (const std::string& name : names) {
      table.row({name, short_digest(image.facts.digest), image.facts.root, human(Bytes{image.facts.virtual_size}),
                 human(Bytes{image.facts.file_size}), image.facts.architecture, image.facts.source});
    }
  }
  table.print();
  return 0;
}

// What VMs stand on must stay.
Result<std::vector<std::string>> used_disks(Context& context) {
  auto vms = all_vms(context);
  if (!vms) return vms.error().at("cannot see which images VMs use");
  std::vector<std::string> used;
  for (const VmView& vm : *vms) used.push_back(vm.spec.root_image);
  return used;
}

Result<int> remove_images(Context& context, builder::ImageStore& store, const std::vector<std::string>& names) {
  auto used = used_disks(context);
  if (!used) return used.error();
  for (const std::string& name : names) {
    auto gone = store.remove(name, *used);
    if (!gone) return gone.error();
    std::cout << name << (*gone ? " removed\n" : " removed; its disk has other names\n");
  }
  return 0;
}

Result<int> prune_images(Context& context, builder::ImageStore& store) {
  auto used = used_disks(context);
  if (!used) return used.error();
  auto work = builder::WorkFolder::in(store.work());  // takes away what killed builds left
  if (!work) return work.error();
  auto bytes = store.prune(*used);
  if (!bytes) return bytes.error();
  std::cout << human(Bytes{*bytes}) << " are free again\n";
  return 0;
}

std::uint64_t virtual_size_of(const std::string& path, const std::string& format, std::uint64_t file_size) {
  if (format == "raw") return file_size;
  // The header says it, big-endian, from byte 24 on (QEMU: docs/interop/qcow2.txt).
  std::uint64_t size = 0;
  if (FILE* file = std::fopen(path.c_str(), "rb")) {
    unsigned char head[32] = {};
    if (std::fread(head, 1, sizeof head, file) == sizeof head) {
      for (int i = 24; i < 32; ++i) size = size << 8U | head[i];
    }
    std::fclose(file);
  }
  return size;
}

bool is_qcow2(const std::string& path) {
  char magic[4] = {};
  if (FILE* file = std::fopen(path.c_str(), "rb")) {
    (void)!std::fread(magic, 1, sizeof magic, file);
    std::fclose(file);
  }
  return std::string_view(magic, 4) == "QFI\xfb";
}

Result<int> import_image(builder::ImageStore& store, const ImageOptions& options) {
  const std::string& file = options.rest.front();
  std::error_code error;
  if (!fs::is_regular_file(file, error)) return Error{Code::not_found, file + " is no file; give a qcow2 or raw disk"};
  const std::string name = options.name.empty() ? fs::path(file).stem().string() : options.name;
  if (auto checked = builder::check_image_name(name); !checked) return checked.error();
  auto work = builder::WorkFolder::in(store.work());
  if (!work) return work.error();
  builder::ImageFacts facts;
  facts.format = is_qcow2(file) ? "qcow2" : "raw";
  facts.root = builder::unknown_root;
  facts.architecture = options.arch;
  facts.source = fs::absolute(file).string();
  facts.virtual_size = virtual_size_of(file, facts.format, fs::file_size(file, error));
  facts.built = std::time(nullptr);
  const std::string copy = work->path() + "/disk";
  if (auto copied = builder::publish_file(file, copy, true, false); !copied) return copied.error();
  auto stored = store.add(copy, facts, name);
  if (!stored) return stored.error();
  std::cout << name << " " << short_digest(stored->facts.digest) << "\n";
  return 0;
}

Result<int> export_image(const builder::ImageStore& store, const std::string& name, const std::string& file) {
  auto image = store.find(name);
  if (!image) return image.error();
  if (auto copied = builder::publish_file(image->path, file, true, false); !copied) return copied.error();
  std::cout << file << ": " << human(Bytes{image->facts.file_size}) << "\n";
  return 0;
}

Result<int> inspect_image(const builder::ImageStore& store, const std::string& name) {
  auto image = store.find(name);
  if (!image) return image.error();
  std::cout << encode(image->facts);
  return 0;
}

Result<int> run(Context& context, const ImageOptions& options) {
  const std::size_t words = options.rest.size();
  const auto wrong = [&](const char* usage) { return Error{Code::invalid_argument, "write: neonvm image " + std::string(usage)}; };
  auto store = open_images(context);
  if (!store) return store.error();
  if (options.action == "list") return words == 0 ? list_images(*store, options) : Result<int>(wrong("list"));
  if (options.action == "inspect") return words == 1 ? inspect_image(*store, options.rest[0]) : Result<int>(wrong("inspect NAME"));
  if (options.action == "rm") return words >= 1 ? remove_images(context, *store, options.rest) : Result<int>(wrong("rm NAME …"));
  if (options.action == "prune") return words == 0 ? prune_images(context, *store) : Result<int>(wrong("prune"));
  if (options.action == "import") return words == 1 ? import_image(*store, options) : Result<int>(wrong("import FILE [--name NAME]"));
  if (options.action == "export") return words == 2 ? export_image(*store, options.rest[0], options.rest[1]) : Result<int>(wrong("export NAME FILE"));
  return Error{Code::invalid_argument, "\"" + options.action + "\" is none of list, inspect, rm, prune, import, export"};
}

}  // namespace

Command image_command() {
  return {"image", "Images", "Show and keep the disks that were built: list, inspect, rm, prune, import, export", [](Options& o) {
            auto options = std::make_shared<ImageOptions>();
            o.positional("action", options->action, "", "list, inspect, rm, prune, import or export");
            o.rest("words", options->rest, "Names or files that it is about");
            o.choice("-o,--output", options->output, {"table", "json"}, "How to print the list");
            o.text("--name", options->name, "NAME", "Name of what is imported (default: the file's)");
            o.choice("--arch", options->arch, {"amd64", "arm64"}, "Architecture of what is imported");
            o.example("neonvm image list");
            o.example("neonvm image export nginx nginx.qcow2");
            return [options](Context& context) { return run(context, *options); };
          }};
}

}  // namespace neonvm::cli
