// Sources that other programs make: skopeo fetches images, mmdebstrap unpacks packages, buildah runs Dockerfile text.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "vm-builder/file_io.hpp"
#include "vm-builder/in_quotes.hpp"
#include "vm-builder/program.hpp"
#include "vm-builder/source.hpp"

namespace neonvm::builder {
namespace {

// Files newer than this get this time, so that a second build gives the same bytes.
constexpr const char* usual_epoch = "1735689600";  // 2025-01-01

// How mmdebstrap may own what it unpacks: as root; in a user namespace, if this user has numbers to map; else pretended,
// without running anything in the new root when nothing there needs to be configured.
std::string debian_mode(const std::string& variant) {
  if (::geteuid() == 0) return "root";
  auto mapped = run_program({"unshare", "--user", "--map-auto", "--map-root-user", "true"});
  if (mapped && mapped->status == 0) return "unshare";
  return variant == "extract" ? "chrootless" : "fakechroot";
}

std::string dockerfile_of(const Spec& spec, const std::string& base) {
  return spec.build + "\nFROM " + base + " AS neonvm-root\nUSER root\n" + spec.merge + "\n";
}

Status write_context(const SourceRequest& request, const std::string& folder, const std::string& base) {
  if (auto made = make_folders(folder); !made) return made;
  for (const SpecFile& file : request.spec.files) {
    std::string text = file.content;
    if (!file.host_path.empty()) {
      const std::string path = file.host_path.front() == '/' ? file.host_path : request.spec_folder + "/" + file.host_path;
      auto read = read_file(path, std::size_t{1} << 30U);
      if (!read) return read.error().at("the spec's file " + in_quotes(file.filename));
      text = std::move(*read);
    }
    const std::string path = folder + "/" + file.filename;
    if (auto made = make_folders(path.substr(0, path.rfind('/'))); !made) return made;
    if (auto written = write_file(path, text); !written) return written;
    ::chmod(path.c_str(), 0755);  // as upstream does
  }
  return write_file(folder + "/.neonvm.Dockerfile", dockerfile_of(request.spec, base));
}

}  // namespace

Result<std::string> fetch_image(const SourceRequest& request, const std::string& reference, Steps& steps) {
  const std::string layout = request.work + "/fetched";
  steps.begin("fetching " + reference, 0);
  auto fetched = must_run({"skopeo", "copy", "--quiet", "--override-os", request.platform.os, "--override-arch",
                           request.platform.architecture, reference, "oci:" + layout + ":image"},
                          "skopeo");
  if (!fetched) return fetched.error().at(reference);
  return layout;
}

Result<std::string> fetch_debian(const SourceRequest& request, Steps& steps) {
  std::string packages;
  for (const std::string& each : request.debian) {
    if (each.empty() || each.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.+-:=~") != std::string::npos) {
      return Error{Code::invalid_argument, in_quotes(each) + " is no name of a Debian package; names are lower-case letters, digits, + - and ."};
    }
    packages += (packages.empty() ? "" : ",") + each;
  }
  const std::string tar = request.work + "/debian.tar", mode = debian_mode(request.variant);
  steps.begin("unpacking Debian packages: " + packages, 0);
  if (mode == "fakechroot") steps.say("no user namespace with numbers of its own here: unpacking under fakechroot, which is slower");
  std::vector<std::string> argv = {"mmdebstrap", "--quiet", "--mode=" + mode, "--variant=" + request.variant,
                                   "--architectures=" + request.platform.architecture, "--include=" + packages, "--format=tar",
                                   "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*",
                                   "--dpkgopt=path-exclude=/usr/share/locale/*", request.suite, tar};
  if (!request.mirror.empty()) argv.push_back(request.mirror);
  if (mode == "chrootless") argv.insert(argv.begin(), "fakeroot");
  const char* epoch = std::getenv("SOURCE_DATE_EPOCH");
  auto done = must_run(argv, "mmdebstrap fakechroot fakeroot",
                       {{"SOURCE_DATE_EPOCH", epoch == nullptr ? usual_epoch : epoch}, {"TMPDIR", request.work}});
  if (!done) return done.error();
  return tar;
}

Result<OciImage> run_dockerfile(const SourceRequest& request, const std::string& base, Steps& steps) {
  if (find_program("buildah").empty()) {
    return Error{Code::not_found, "the spec has Dockerfile text (build, merge), which buildah runs, and it is not installed; install it: "
                                  "apt-get install buildah, or leave build and merge out"};
  }
  steps.begin("running the spec's Dockerfile text", 0);
  const std::string storage = request.work + "/containers";
  const std::vector<std::string> buildah = {"buildah", "--root", storage + "/root", "--runroot", storage + "/run", "--storage-driver", "vfs"};
  const auto with = [&buildah](std::vector<std::string> more) {
    more.insert(more.begin(), buildah.begin(), buildah.end());
    return more;
  };
  const std::string name = "localhost/neonvm-base:latest", result = "localhost/neonvm-root:latest", context = request.work + "/context";
  if (auto pulled = run_program(with({"pull", "--quiet", base}), {}, request.work); !pulled || pulled->status != 0) {
    return pulled ? Error{Code::refused, "buildah cannot read " + base + ":\n" + pulled->output} : pulled.error();
  } else {
    const std::string id = pulled->output.substr(pulled->output.find_last_of('\n') + 1);
    if (auto tagged = must_run(with({"tag", id, name}), "buildah"); !tagged) return tagged.error();
  }
  if (auto written = write_context(request, context, name); !written) return written.error();
  std::vector<std::string> bud = with({"bud", "--isolation", "chroot", "--pull-never", "-f", context + "/.neonvm.Dockerfile", "-t", result});
  for (const std::string& each : request.build_args) bud.insert(bud.end(), {"--build-arg", each});
  bud.push_back(context);
  if (auto built = must_run(bud, "buildah"); !built) return built.error();
  const std::string merged = request.work + "/merged";
  if (auto pushed = must_run(with({"push", "--quiet", result, "oci:" + merged + ":image"}), "buildah"); !pushed) return pushed.error();
  return open_oci_layout(Members::of_folder(merged), request.platform, "");
}

}  // namespace neonvm::builder
