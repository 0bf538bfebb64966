// Images as they lie on disk, sound and damaged.
#include <map>

#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/vm-builder/layer_maker.hpp"
#include "vm-builder/digest.hpp"
#include "vm-builder/file_io.hpp"
#include "vm-builder/oci_image.hpp"

namespace neonvm::builder {
namespace {

// An image with one layer, as a set of members.
struct Sample {
  std::string layer_bytes, media_type = "application/vnd.oci.image.layer.v1.tar+gzip", architecture = "amd64", extra;
  std::map<std::string, std::string> members;

  Sample() {
    LayerMaker layer("gzip");
    layer_bytes = layer.file("hello", "world").bytes();
  }
  std::string blob(const std::string& text) {
    const std::string digest = sha256_of(text);
    members["blobs/sha256/" + digest.substr(7)] = text;
    return "\"digest\":\"" + digest + "\",\"size\":" + std::to_string(text.size());
  }
  std::string manifest() {
    const std::string config = R"({"architecture":")" + architecture + R"(","os":"linux","config":{"Env":["A=b c"],)"
        R"("Entrypoint":["/hello"],"ExposedPorts":{"80/tcp":{}},"StopSignal":"SIGQUIT","WorkingDir":"/srv","User":"www",)"
        R"("Healthcheck":{"Test":["CMD","true"],"Interval":5000000000,"Retries":2}},"rootfs":{"type":"layers","diff_ids":["x"]}})";
    return R"({"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json",)" + blob(config) +
           R"(},"layers":[{"mediaType":")" + media_type + "\"," + blob(layer_bytes) + "}]}";
  }
  void finish(const std::string& name = "v1") {
    members["oci-layout"] = R"({"imageLayoutVersion":"1.0.0"})";
    members["index.json"] = R"({"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",)" +
                            blob(manifest()) + R"(,"annotations":{"org.opencontainers.image.ref.name":")" + name + "\"}}" + extra + "]}";
  }
  void write(const std::string& folder) const {
    for (const auto& [name, text] : members) {
      REQUIRE(make_folders(folder + "/" + name.substr(0, name.rfind('/') == std::string::npos ? 0 : name.rfind('/'))));
      REQUIRE(write_file(folder + "/" + name, text));
    }
  }
};

std::string refusal(const Result<OciImage>& image) { return image ? "(taken)" : image.error().message; }

#define REQUIRE_SAYS(text, words) REQUIRE_THAT(text, Catch::Matchers::Contains(words))

}  // namespace

TEST_CASE("an OCI layout gives its configuration and its layers") {
  TempDir folder;
  Sample sample;
  sample.finish();
  sample.write(folder.path());
  const auto image = open_oci_layout(Members::of_folder(folder.path()), {}, "");
  INFO(refusal(image));
  REQUIRE(image);
  REQUIRE(image->config.env == std::vector<std::string>{"A=b c"});
  REQUIRE(image->config.entrypoint == std::vector<std::string>{"/hello"});
  REQUIRE(image->config.ports == std::vector<std::string>{"80/tcp"});
  REQUIRE(image->config.stop_signal == "SIGQUIT");
  REQUIRE(image->config.workdir == "/srv");
  REQUIRE(image->config.user == "www");
  REQUIRE(image->config.healthcheck->interval == std::chrono::seconds(5));
  REQUIRE(image->layers.size() == 1);
  REQUIRE(image->layers[0].digest == sha256_of(sample.layer_bytes));
}

TEST_CASE("a tar of a layout is the same image") {
  TempDir folder;
  Sample sample;
  sample.finish();
  LayerMaker tar;
  for (const auto& [name, text] : sample.members) tar.file("./" + name, text);
  REQUIRE(write_file(folder.path() / "image.tar", tar.bytes()));
  REQUIRE(make_folders(folder.path() / "work"));
  SilentSteps steps;
  auto members = Members::of_tar(folder.path() / "image.tar", folder.path() / "work", steps);
  REQUIRE(members);
  const auto image = open_oci_layout(*members, {}, "v1");
  INFO(refusal(image));
  REQUIRE(image);
}

TEST_CASE("a wrong architecture is told with the one that there is") {
  TempDir folder;
  Sample sample;
  sample.architecture = "arm64";
  sample.finish();
  sample.write(folder.path());
  REQUIRE_SAYS(refusal(open_oci_layout(Members::of_folder(folder.path()), {}, "")), "for linux/arm64, not for linux/amd64");
  REQUIRE(open_oci_layout(Members::of_folder(folder.path()), {"linux", "arm64"}, ""));
}

TEST_CASE("unknown media types, missing blobs and damaged documents are refused") {
  TempDir one, two, three;
  Sample odd, missing, damaged;
  odd.media_type = "application/x-shell";
  odd.finish();
  odd.write(one.path());
  const std::string said = refusal(open_oci_layout(Members::of_folder(one.path()), {}, ""));
  REQUIRE_SAYS(said, "layer 1 (sha256:");
  REQUIRE_SAYS(said, "media type \"application/x-shell\" is none that is known");

  missing.finish();
  missing.members.erase("blobs/sha256/" + sha256_of(missing.layer_bytes).substr(7));
  missing.write(two.path());
  REQUIRE_SAYS(refusal(open_oci_layout(Members::of_folder(two.path()), {}, "")), "has no \"blobs/sha256/");

  damaged.finish();
  for (auto& [name, text] : damaged.members) {
    if (text.starts_with("{\"architecture")) text += " ";
  }
  damaged.write(three.path());
  REQUIRE_SAYS(refusal(open_oci_layout(Members::of_folder(three.path()), {}, "")), "was tampered with");
}

TEST_CASE("several images need a name, and a name that is not there lists those that are") {
  TempDir folder;
  Sample sample;
  Sample other;
  other.layer_bytes = LayerMaker("gzip").file("other").bytes();
  sample.extra = R"(,{"mediaType":"application/vnd.oci.image.manifest.v1+json",)" + sample.blob(other.manifest()) +
                 R"(,"annotations":{"org.opencontainers.image.ref.name":"v2"}})";
  sample.finish();
  for (const auto& [name, text] : other.members) sample.members.emplace(name, text);
  sample.write(folder.path());
  const Members members = Members::of_folder(folder.path());
  REQUIRE_SAYS(refusal(open_oci_layout(members, {}, "")), "holds 2 images (v1, v2); say which one");
  REQUIRE_SAYS(refusal(open_oci_layout(members, {}, "v3")), "there is: v1, v2");
  REQUIRE(open_oci_layout(members, {}, "v2"));
}

TEST_CASE("what docker save writes is read, and a layer that was changed is found out") {
  TempDir folder;
  SilentSteps steps;
  const std::string layer = LayerMaker().file("a", "b").bytes();
  const std::string config = R"({"architecture":"amd64","os":"linux","config":{"Cmd":["sh"]},"rootfs":{"diff_ids":[")" +
                             sha256_of(layer) + "\",\"" + sha256_of(layer) + "\"]}}";
  const std::string name = sha256_of(config).substr(7) + ".json";
  LayerMaker tar;
  tar.file("1/layer.tar", layer).link("2/layer.tar", "../1/layer.tar").file(name, config);
  tar.file("manifest.json", R"([{"Config":")" + name + R"(","RepoTags":["demo:1"],"Layers":["1/layer.tar","2/layer.tar"]}])");
  REQUIRE(write_file(folder.path() / "saved.tar", tar.bytes()));
  REQUIRE(make_folders(folder.path() / "work"));
  auto members = Members::of_tar(folder.path() / "saved.tar", folder.path() / "work", steps);
  REQUIRE(members);
  const auto image = open_docker_archive(*members, {}, "demo:1");
  INFO(refusal(image));
  REQUIRE(image);
  REQUIRE(image->layers.size() == 2);
  REQUIRE(image->layers[1].digest == sha256_of(layer));
  REQUIRE_SAYS(refusal(open_docker_archive(*members, {}, "other")), "there is: demo:1");
}

}  // namespace neonvm::builder
