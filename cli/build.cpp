// neonvm build: an image, a root file system or Debian packages into a bootable disk.
#include "vm-builder/build.hpp"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "cli/commands_host.hpp"
#include "cli/image_steps.hpp"
#include "cli/output.hpp"
#include "cli/version.hpp"
#include "cli/yaml.hpp"
#include "vm-builder/oci_output.hpp"
#include "vm-builder/program.hpp"
#include "vm-builder/publish.hpp"
#include "vm-builder/work_folder.hpp"

namespace neonvm::cli {

namespace {

namespace fs = std::filesystem;

struct BuildOptions {
  std::string source, src, name, size, file, oci, spec, arch, init, most_size;
  std::string format = "qcow2", root = "ext4", suite = "bookworm", mirror, variant = "essential", cmd, user, stop_signal, workdir,
      health_cmd, health_interval;
  std::vector<std::string> debian, build_args, ports, env, added;
  std::int64_t most_entries = 1'000'000;
  bool quiet = false, compress = false, quota = false, no_init = false, version = false;
  bool pull = false;                                   // upstream's: what is fetched is always fetched afresh
  std::string daemon_image, alpine_image, busybox_image;  // upstream's: nothing is taken from images here
};

std::vector<std::string> split_commas(const std::vector<std::string>& lists) {
  std::vector<std::string> words;
  for (const std::string& list : lists) {
    std::istringstream rest(list);
    for (std::string word; std::getline(rest, word, ',');) {
      if (!word.empty()) words.push_back(word);
    }
  }
  return words;
}

// As a shell would cut it, and nothing more: no variables, no pipes.
Result<std::vector<std::string>> split_command(const std::string& option, const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  char quote = 0;
  bool begun = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      word += text[++i];
      begun = true;
    } else if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
      begun = true;
    } else if (quote == 0 && (c == ' ' || c == '\t' || c == '\n')) {
      if (begun) words.push_back(std::move(word));
      word.clear();
      begun = false;
    } else {
      word += c;
      begun = true;
    }
  }
  if (quote != 0) return Error{Code::invalid_argument, option + ": a quote " + quote + " is not closed"};
  if (begun) words.push_back(std::move(word));
  return words;
}

Result<builder::Spec> read_spec_file(const std::string& file) {
  std::ifstream in(file);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) return Error{Code::not_found, "--spec: " + file + " cannot be read"};
  auto documents = yaml_documents(file, text.str());
  if (!documents) return documents.error();
  if (documents->empty()) return builder::Spec{};
  if (documents->size() > 1) return Error{Code::invalid_argument, file + ": holds more than one document; a spec is one"};
  auto read = builder::read_spec(documents->front().json);
  if (auto* spec = std::get_if<builder::Spec>(&read)) return std::move(*spec);
  std::string all;
  for (const Error& wrong : std::get<std::vector<Error>>(read)) {
    all += (all.empty() ? "" : "\n") + documents->front().located(wrong).message;
  }
  return Error{Code::invalid_argument, all};
}

// Upstream's "linux/amd64", or "amd64".
Result<builder::Platform> parse_platform(const std::string& text) {
  const std::string arch = text.starts_with("linux/") ? text.substr(6) : text;
  if (arch == "amd64" || arch == "arm64") return builder::Platform{"linux", arch};
  return Error{Code::invalid_argument, "--target-arch: \"" + text + "\" is none of linux/amd64, linux/arm64"};
}

const char* host_arch() {
#if defined(__aarch64__)
  return "linux/arm64";
#else
  return "linux/amd64";
#endif
}

Result<std::string> guest_program(const BuildOptions& options) {
  if (options.no_init) return std::string();
  if (!options.init.empty()) return options.init;
  const fs::path own = fs::path(own_path()).parent_path();
  std::error_code error;
  for (const fs::path& place : {own.parent_path() / "share/neonvm/guest/neonvm", own.parent_path() / "guest/neonvm"}) {
    if (fs::is_regular_file(place, error)) return place.string();
  }
  return Error{Code::not_found, "the static neonvm that runs in a guest is not there; build it (cmake --preset guest && cmake --build build/guest), "
                                "name it (--init FILE), or leave it out (--no-init)"};
}

Status read_sizes(const BuildOptions& options, builder::BuildRequest& request) {
  if (!options.size.empty()) {
    auto size = parse_bytes(options.size);
    if (!size) return size.error().at("--size");
    // mke2fs counts 1G as 2^30 bytes, and so did upstream.
    const bool binary = options.size.find_first_of("KMGT") == options.size.size() - 1;
    request.size = binary ? parse_bytes(options.size + "i").value_or(*size) : *size;
  }
  if (!options.most_size.empty()) {
    auto most = parse_bytes(options.most_size);
    if (!most) return most.error().at("--max-size");
    request.limits.bytes = most->value;
  }
  request.limits.entries = static_cast<std::uint64_t>(options.most_entries);
  return {};
}

Result<builder::BuildRequest> request_from(const BuildOptions& options) {
  builder::BuildRequest request;
  auto& source = request.source;
  source.source = options.source.empty() ? options.src : options.source;
  source.debian = split_commas(options.debian);
  if (source.source.empty() == source.debian.empty()) {
    return Error{Code::invalid_argument, source.debian.empty() ? "what is to be built? give a source, or --debian PACKAGES"
                                                               : "either a source or --debian PACKAGES, not both"};
  }
  auto platform = parse_platform(options.arch.empty() ? host_arch() : options.arch);
  if (!platform) return platform.error();
  source.platform = *platform;
  source.suite = options.suite;
  source.mirror = options.mirror;
  source.variant = options.variant;
  source.build_args = options.build_args;
  for (const std::string& each : source.build_args) {
    if (each.find('=') == std::string::npos) return Error{Code::invalid_argument, "--build-arg: \"" + each + "\" has no =; write KEY=VALUE"};
  }
  if (!options.spec.empty()) {
    auto spec = read_spec_file(options.spec);
    if (!spec) return spec.error();
    source.spec = std::move(*spec);
    source.spec_folder = fs::absolute(options.spec).parent_path().string();
  }
  if (auto read = read_sizes(options, request); !read) return read.error();
  request.format = options.format;
  request.root = options.root;
  request.compress = options.compress;
  request.project_quota = options.quota;
  auto command = split_command("--cmd", options.cmd);
  if (!command) return command.error();
  request.command = *command;
  auto check = split_command("--health-cmd", options.health_cmd);
  if (!check) return check.error();
  request.health_command = *check;
  if (!options.health_interval.empty()) {
    auto interval = parse_duration("--health-interval", options.health_interval);
    if (!interval) return interval.error();
    request.health_interval = *interval;
  }
  request.user = options.user;
  request.stop_signal = options.stop_signal;
  request.workdir = options.workdir;
  request.ports = options.ports;
  request.env = options.env;
  request.added = options.added;
  auto program = guest_program(options);
  if (!program) return program.error();
  request.program = *program;
  return request;
}

// Where it goes when nothing was said: upstream's "vm-" and the source, or the first package.
std::string name_for(const BuildOptions& options, const builder::BuildRequest& request) {
  if (!options.name.empty() || !options.file.empty() || !options.oci.empty()) return options.name;
  if (!request.source.debian.empty()) return "vm-" + request.source.debian.front();
  const std::string& source = request.source.source;
  std::error_code error;
  if (!fs::exists(source, error)) return "vm-" + source.substr(source.rfind('/') == std::string::npos ? 0 : source.rfind('/') + 1);
  return "vm-" + fs::absolute(source).lexically_normal().filename().string();
}

Status write_image(const BuildOptions& options, const builder::BuiltDisk& disk, const std::string& work, ImageSteps& steps) {
  std::string busybox = builder::find_program("busybox");
  if (busybox.empty()) steps.say("no busybox here: the OCI image holds the disk alone; install it: apt-get install busybox-static");
  auto tar = builder::write_oci({disk.path, disk.facts.architecture, options.name, busybox, work}, steps);
  if (!tar) return tar.error();
  return builder::publish_file(*tar, options.oci, false, false);
}

Result<int> build(Context& context, const BuildOptions& options) {
  if (options.version) {
    std::cout << version_line() << "\n";
    return 0;
  }
  auto request = request_from(options);
  if (!request) return request.error();
  const std::string name = name_for(options, *request);
  if (!name.empty()) {
    if (auto checked = builder::check_image_name(name); !checked) return checked.error().at("--name");
  }
  auto store = open_images(context);
  if (!store) return store.error();
  auto work = builder::WorkFolder::in(store->work());
  if (!work) return work.error();
  ImageSteps steps(options.quiet);
  auto disk = builder::build_image(*request, work->path(), steps);
  if (!disk) return disk.error();
  if (!options.oci.empty()) {
    if (auto written = write_image(options, *disk, work->path(), steps); !written) return written.error();
  }
  if (!options.file.empty()) {
    if (auto put = builder::publish_file(disk->path, options.file, !name.empty(), false); !put) return put.error();
  }
  std::string where = options.file.empty() ? options.oci : options.file;
  if (!name.empty()) {
    disk->facts.built = std::time(nullptr);
    auto stored = store->add(disk->path, disk->facts, name);
    if (!stored) return stored.error();
    where = stored->path;
  }
  steps.finish();
  if (options.quiet) return 0;
  std::cout << (name.empty() ? where : name) << ": " << human(Bytes{disk->facts.virtual_size}) << " disk (" << options.root << ", "
            << options.format << ") in " << steps.took() << (name.empty() ? "" : "\n" + where) << "\n";
  return 0;
}

void add_upstream_options(Options& o, BuildOptions& options) {
  o.text("--src", options.src, "SOURCE", "The source, as upstream's builder calls it");
  o.text("--name,--dst", options.name, "NAME", "Name of the image here (default: vm- and the source)");
  o.text("--size", options.size, "SIZE", "Size of the disk (default: as the files need, and a quarter more)");
  o.text("-o,--file", options.file, "FILE", "Write the disk to this file");
  o.text("--spec", options.spec, "FILE", "YAML: commands, shutdownHook, build, merge, files");
  o.text("--target-arch", options.arch, "linux/ARCH", "amd64 or arm64 (default: this machine's)");
  o.list("--build-arg", options.build_args, "KEY=VALUE", "For the spec's Dockerfile text, may repeat");
  o.flag("-q,--quiet", options.quiet, "Say nothing but errors");
  o.flag("--pull", options.pull, "Accepted for upstream's sake: what is fetched is always fetched afresh");
  o.flag("--version", options.version, "Print the version");
  o.text("--daemon-image", options.daemon_image, "IMAGE", "Accepted for upstream's sake, without effect: nothing is taken from images");
  o.text("--alpine-image", options.alpine_image, "IMAGE", "As --daemon-image");
  o.text("--busybox-image", options.busybox_image, "IMAGE", "As --daemon-image");
}

void add_own_options(Options& o, BuildOptions& options) {
  o.positional("source", options.source, "file", "OCI layout or docker-archive, root folder or tarball, or docker://NAME", false);
  o.list("--debian", options.debian, "PACKAGES", "Debian packages instead of a source: nginx,curl; may repeat");
  o.text("--suite", options.suite, "NAME", "Debian's release for --debian");
  o.text("--mirror", options.mirror, "URL", "Where --debian fetches from (default: deb.debian.org)");
  o.choice("--variant", options.variant, {"extract", "custom", "essential", "apt", "minbase", "standard"}, "What --debian begins with (mmdebstrap)");
  o.choice("--format", options.format, {"qcow2", "raw"}, "Format of the disk");
  o.choice("--root", options.root, {"ext4", "erofs"}, "File system: ext4, or erofs (read-only, shared by many VMs)");
  o.flag("--compress", options.compress, "Compress the qcow2 (zstd)");
  o.flag("--quota", options.quota, "Project quotas in the ext4");
  o.text("--oci", options.oci, "FILE", "Write an OCI image (a tar) that holds the disk");
  o.text("--cmd", options.cmd, "WORDS", "Run this instead of the image's command; cut into words, run without a shell");
  o.text("--stop-signal", options.stop_signal, "SIGNAL", "What asks it to end (default: the image's, or SIGTERM)");
  o.text("--health-cmd", options.health_cmd, "WORDS", "Ends with code 0 when the workload is well; cut into words, run without a shell (default: the image's)");
  o.text("--health-interval", options.health_interval, "TIME", "How often it is asked (default: the image's, or 30s)");
  o.text("--workdir", options.workdir, "DIR", "Where it runs (default: the image's, or /)");
  o.text("--user", options.user, "USER[:GROUP]", "Run it as this user of the image");
  o.list("--port", options.ports, "PORT/tcp", "A port that it serves, may repeat");
  o.list("-e,--env", options.env, "NAME=VALUE", "Environment of the command, may repeat");
  o.list("--add", options.added, "FOLDER", "Put this folder's files over the source's, as root's; may repeat");
  o.text("--init", options.init, "FILE", "The static neonvm to boot with (default: the one installed or built)");
  o.flag("--no-init", options.no_init, "Put no init into the disk: the image brings its own");
  o.number("--max-entries", options.most_entries, 1, 100'000'000, "N", "Refuse images of more entries");
  o.text("--max-size", options.most_size, "SIZE", "Refuse images of more bytes (default: 256Gi)");
}

}  // namespace

Command build_command() {
  Command command{"build", "Images", "Make a bootable disk of an image, a root file system or Debian packages", [](Options& o) {
            auto options = std::make_shared<BuildOptions>();
            add_own_options(o, *options);
            add_upstream_options(o, *options);
            o.example("neonvm build --debian nginx-light --cmd 'nginx -g \"daemon off;\"' --stop-signal SIGQUIT --name nginx");
            o.example("neonvm build ./saved.tar:postgres:15 --name postgres --root erofs");
            o.example("neonvm build -src docker://postgres:15 -dst vm-postgres:15 -size 2G -spec spec.yaml -target-arch linux/amd64");
            return [options](Context& context) { return build(context, *options); };
          }};
  command.one_dash = {"src", "dst", "size", "file", "spec", "build-arg", "quiet", "pull", "version", "daemon-image",
                      "alpine-image", "busybox-image", "target-arch"};
  return command;
}

}  // namespace neonvm::cli
