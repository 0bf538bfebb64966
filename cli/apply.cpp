// neonvm apply: VirtualMachine manifests, the same as in Kubernetes, made or changed to be as written.
#include <fstream>
#include <iostream>
#include <sstream>

#include "cli/commands_host.hpp"
#include "cli/file_store.hpp"
#include "cli/yaml.hpp"
#include "core/wire/file_manifest.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::cli {

namespace {

struct ApplyOptions {
  std::string file;
  bool dry_run = false;
};

Result<std::string> read_text(const std::string& file) {
  std::ostringstream text;
  if (file == "-") {
    text << std::cin.rdbuf();
    return text.str();
  }
  std::ifstream in(file);
  if (!in) return Error{Code::not_found, file + ": cannot be read; give a file, or - for standard input"};
  text << in.rdbuf();
  return text.str();
}

struct Manifests {
  std::vector<wire::FileManifest> files;   // before the VMs that may want them
  std::vector<Object> objects;
};

// Everything is checked before anything is written.
Result<Manifests> read_objects(const std::string& file, const std::string& text) {
  auto documents = yaml_documents(file, text);
  if (!documents) return documents.error();
  Manifests all;
  for (const YamlDocument& document : *documents) {
    auto files = wire::decode_file_manifest(document.json);
    if (!files) return document.located(files.error());
    if (*files) {
      if (auto name = check_files_name((*files)->name); !name) return document.located(name.error().at("metadata.name"));
      all.files.push_back(std::move(**files));
      continue;
    }
    auto object = wire::decode_object(document.json);
    if (!object) return document.located(object.error());
    if (auto name = check_name(object->name); !name) return document.located(name.error().at("metadata.name"));
    if (object->kind == Kind::virtual_machine) {
      auto spec = wire::decode_vm_spec(*object);
      if (!spec) return document.located(spec.error());
      const auto wrong = violations(*spec);
      if (!wrong.empty()) return document.located(Error{Code::invalid_argument, wrong.front()});
      wire::encode_vm_spec(*spec, *object);
    } else if (object->kind != Kind::migration) {
      return Error{Code::invalid_argument, file + ": only VirtualMachine, VirtualMachineMigration, ConfigMap and Secret can be applied"};
    }
    all.objects.push_back(std::move(*object));
  }
  if (all.objects.empty() && all.files.empty()) return Error{Code::invalid_argument, file + ": holds no object"};
  return all;
}

Status check_change(const Object& before, const Object& after) {
  if (after.kind != Kind::virtual_machine) return {};
  auto was = wire::decode_vm_spec(before);
  auto is = wire::decode_vm_spec(after);
  if (!was || !is) return was ? is.error() : was.error();
  const auto forbidden = forbidden_changes(*was, *is);
  if (forbidden.empty()) return {};
  return Error{Code::invalid_argument, after.name + ": " + forbidden.front()};
}

Result<std::string> apply_one(Orchestrator& store, const Object& wanted) {
  const Deadline deadline = soon();
  while (true) {
    auto now = store.get(wanted.kind, wanted.name, deadline);
    if (!now && now.error().code != Code::not_found) return now.error();
    if (!now) {
      auto made = store.create(wanted, deadline);
      if (made) return std::string("created");
      if (made.error().code != Code::already_exists) return made.error();
      continue;
    }
    if (auto ok = check_change(*now, wanted); !ok) return ok.error();
    Object next = *now;
    next.spec = wanted.spec;
    for (const auto& [key, value] : wanted.labels) next.labels[key] = value;
    for (const auto& [key, value] : wanted.annotations) next.annotations[key] = value;
    if (next.spec == now->spec && next.labels == now->labels && next.annotations == now->annotations) {
      return std::string("unchanged");
    }
    auto written = store.update(next, deadline);
    // A server that fills in what was left out may find nothing new in it.
    if (written) return std::string(written->version == now->version ? "unchanged" : "changed");
    if (written.error().code != Code::conflict) return written.error();
  }
}

Status apply_files(Context& context, const std::vector<wire::FileManifest>& all) {
  auto config = context.config();
  if (!config) return config.error();
  for (const wire::FileManifest& files : all) {
    const FileStore store(**config, files.secret ? FileKind::secret : FileKind::config_map);
    auto done = store.put(files.name, files.files);
    if (!done) return done.error();
    std::cout << (files.secret ? "secret " : "configmap ") << files.name << " " << *done << "\n";
  }
  return {};
}

Result<int> apply_file(Context& context, const ApplyOptions& options) {
  auto text = read_text(options.file);
  if (!text) return text.error();
  auto all = read_objects(options.file, *text);
  if (!all) return all.error();
  const std::vector<Object>& objects = all->objects;
  if (options.dry_run) {
    for (const wire::FileManifest& files : all->files) std::cout << files.name << " is valid\n";
    for (const Object& object : objects) std::cout << object.name << " is valid\n";
    return 0;
  }
  if (!all->files.empty() && context.remote_control_plane()) {
    return Error{Code::unsupported, options.file + ": ConfigMaps and Secrets are the cluster's own, and its VMs find them there; kubectl apply -f " + options.file};
  }
  if (auto applied = apply_files(context, all->files); !applied) return applied.error();
  if (objects.empty()) return 0;
  if (auto serving = context.need_serve(); !serving) return serving.error();
  auto orchestrator = context.orchestrator();
  if (!orchestrator) return orchestrator.error();
  for (const Object& object : objects) {
    auto done = apply_one(**orchestrator, object);
    if (!done) return done.error();
    std::cout << object.name << " " << *done << "\n";
  }
  return 0;
}

}  // namespace

Command apply_command() {
  return {"apply", "VMs", "Make VMs as a manifest says (the same as in Kubernetes)", [](Options& o) {
            auto options = std::make_shared<ApplyOptions>();
            o.text("-f,--filename", options->file, "FILE", "YAML or JSON, several documents allowed; - is standard input", true);
            o.flag("--dry-run", options->dry_run, "Only check it");
            o.example("neonvm apply -f vm.yaml");
            return [options](Context& context) { return apply_file(context, *options); };
          }};
}

}  // namespace neonvm::cli
