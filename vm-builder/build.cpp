#include "vm-builder/build.hpp"

#include <cstdlib>
#include <filesystem>

#include "vm-builder/digest.hpp"
#include "vm-builder/erofs_image.hpp"
#include "vm-builder/ext4_image.hpp"
#include "vm-builder/file_io.hpp"
#include "vm-builder/guest_files.hpp"
#include "vm-builder/in_quotes.hpp"
#include "vm-builder/program.hpp"
#include "vm-builder/root_folder.hpp"

namespace neonvm::builder {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_program = std::size_t{256} << 20U;

// Of the file systems themselves; what is in them keeps its own times.
std::int64_t steady_time() {
  const char* epoch = std::getenv("SOURCE_DATE_EPOCH");
  return epoch == nullptr ? 0 : std::atoll(epoch);
}

// Everything that decides what is in the disk.
std::string seed_of(const BuildRequest& request, const SourceFacts& source, const std::string& workload) {
  Sha256 sum;
  const std::string program = request.program.empty() ? "" : sha256_of(read_file(request.program, most_program).value_or(""));
  for (const std::string& part : {source.digest, workload, request.root, to_string(request.size), program}) {
    sum.add(part + "\n");
  }
  return sum.digest();
}

void change_config(const BuildRequest& request, ImageConfig& config) {
  if (!request.command.empty()) {
    config.entrypoint = request.command;
    config.cmd.clear();
  }
  if (!request.user.empty()) config.user = request.user;
  if (!request.stop_signal.empty()) config.stop_signal = request.stop_signal;
  if (!request.health_command.empty()) {
    config.healthcheck = Healthcheck{request.health_command, {}, {}, {}, 0};
    config.healthcheck->test.insert(config.healthcheck->test.begin(), "CMD");
  }
  if (config.healthcheck && request.health_interval > Duration{}) config.healthcheck->interval = request.health_interval;
  if (!request.workdir.empty()) config.workdir = request.workdir;
  config.env.insert(config.env.end(), request.env.begin(), request.env.end());
  config.ports.insert(config.ports.end(), request.ports.begin(), request.ports.end());
}

Status to_qcow2(const BuildRequest& request, const std::string& raw, const std::string& to, Steps& steps) {
  std::error_code error;
  steps.begin(request.compress ? "compressing the disk" : "converting the disk", 0);
  std::vector<std::string> argv = {"qemu-img", "convert", "-f", "raw", "-O", "qcow2"};
  if (request.compress) argv.insert(argv.end(), {"-c", "-o", "compression_type=zstd"});
  argv.insert(argv.end(), {raw, to});
  auto converted = must_run(argv, "qemu-utils");
  if (converted) fs::remove(raw, error);
  return converted;
}

Status make_raw(const BuildRequest& request, const Tree& tree, Spool& spool, const std::string& seed, const std::string& path, Steps& steps) {
  const Numbering files(tree);
  steps.begin("writing " + std::to_string(files.all().size()) + " files", files.bytes());
  if (request.root == "erofs") return make_erofs(files, spool, {seed, steady_time()}, path, steps);
  const Ext4Plan plan{request.size, "vmroot", seed, steady_time(), request.project_quota};
  return make_ext4(files, spool, plan, path, steps);
}

Status add_folders(const BuildRequest& request, SourceFacts& source, Tree& tree, Spool& spool, Steps& steps) {
  for (const std::string& folder : request.added) {
    steps.begin("adding " + folder, 0);
    auto digest = add_folder(folder, steady_time(), tree, spool, steps);
    if (!digest) return digest.error();
    source.digest = sha256_of(source.digest + *digest);
  }
  return {};
}

Status check_request(const BuildRequest& request) {
  if (request.root == "erofs" && (request.size.value != 0 || request.project_quota)) {
    return Error{Code::invalid_argument, "an erofs root is as large as its files and has no quotas; leave size and quota out, or take ext4"};
  }
  if (request.format == "raw" && request.compress) {
    return Error{Code::invalid_argument, "a raw disk cannot be compressed; take qcow2"};
  }
  return {};
}

}  // namespace

Result<BuiltDisk> build_image(const BuildRequest& request, const std::string& work, Steps& steps) {
  if (auto checked = check_request(request); !checked) return checked.error();
  Tree tree(request.limits);
  auto spool = Spool::in_folder(work);
  if (!spool) return spool.error();
  SourceRequest from = request.source;
  from.work = work;
  auto source = read_source(from, tree, *spool, steps);
  if (!source) return source.error();
  if (auto added = add_folders(request, *source, tree, *spool, steps); !added) return added.error();
  if (request.health_interval > Duration{} && request.health_command.empty() && !source->config.healthcheck) {
    return Error{Code::invalid_argument, "an interval was given for a health check, and neither the image nor the request has one; give its command too"};
  }
  change_config(request, source->config);
  auto workload = make_workload(source->config, request.source.spec, tree, *spool);
  if (!workload) return workload.error();
  if (auto added = add_guest_files(*workload, request.program, source->config.architecture, tree, *spool); !added) return added.error();
  const std::string document = encode(*workload);

  BuiltDisk built;
  const std::string raw = work + "/disk.raw";
  if (auto made = make_raw(request, tree, *spool, seed_of(request, *source, document), raw, steps); !made) return made.error();
  std::error_code error;
  built.facts.virtual_size = fs::file_size(raw, error);
  built.path = raw;
  if (request.format == "qcow2") {
    built.path = work + "/disk.qcow2";
    if (auto converted = to_qcow2(request, raw, built.path, steps); !converted) return converted.error();
  }
  built.facts.format = request.format;
  built.facts.root = request.root;
  built.facts.architecture = request.source.platform.architecture;
  std::string packages;
  for (const std::string& each : request.source.debian) packages += (packages.empty() ? "debian " : ",") + each;
  built.facts.source = packages.empty() ? request.source.source : packages;
  built.facts.source_digest = source->digest;
  built.facts.workload = document;
  return built;
}

}  // namespace neonvm::builder
