#include "core/wire/file_bundle.hpp"

#include "core/wire/file_manifest.hpp"
#include "core/wire/guest_plan.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using wire::BundledFile;
using wire::FileBundle;

TEST_CASE("a bundle comes out as it went in, by its paths") {
  const FileBundle bundle = {{"b", 0644, std::string("\0\n{}", 4)}, {"a/Name.With.Dots and blank", 0400, ""}};
  const std::string text = wire::encode(bundle);
  const auto back = wire::decode_file_bundle(text);
  REQUIRE(back);
  CHECK(*back == FileBundle{bundle[1], bundle[0]});
  CHECK(wire::encode(*back) == text);
  CHECK(wire::encode({bundle[1], bundle[0]}) == text);
  CHECK(wire::checksum_of(text).size() == 32);
  CHECK(wire::checksum_of(text) != wire::checksum_of(text + "x"));
  REQUIRE(wire::decode_file_bundle(""));
  CHECK(wire::decode_file_bundle("")->empty());
}

TEST_CASE("a bundle leads nowhere else") {
  for (const char* path : {"", "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".", "..data", "a/..b", "./a"}) {
    INFO(path);
    CHECK_FALSE(wire::check_bundle({{path, 0400, ""}}));
    CHECK_FALSE(wire::decode_file_bundle(wire::encode(FileBundle{{path, 0400, ""}})));
  }
  CHECK_FALSE(wire::check_bundle({{"a", 0400, ""}, {"a", 0400, ""}}));
  CHECK_FALSE(wire::check_bundle({{"a", 0400, ""}, {"a/b", 0400, ""}}));
  CHECK(wire::check_bundle({{"a", 0400, ""}, {"a.b", 0400, ""}, {"ab/c", 0777, ""}}));
  CHECK_FALSE(wire::check_bundle({{"a", 04755, ""}}));
  CHECK_FALSE(wire::check_bundle({{"a", 0400, std::string(wire::most_bundle_bytes + 1, 'x')}}));
  CHECK_FALSE(wire::check_bundle(FileBundle(wire::most_bundle_files + 1)));
  CHECK_FALSE(wire::check_bundle({{std::string(256, 'x'), 0400, ""}}));
}

TEST_CASE("a bundle that is cut short is refused") {
  const std::string text = wire::encode(FileBundle{{"a", 0400, "12345"}});
  for (std::size_t size = 1; size < text.size(); ++size) CHECK_FALSE(wire::decode_file_bundle(text.substr(0, size)));
  CHECK_FALSE(wire::decode_file_bundle(R"({"path":"a","mode":256,"size":18446744073709551615})" "\nx"));
}

TEST_CASE("ConfigMaps and Secrets are read as Kubernetes has them") {
  const auto secret = wire::decode_file_manifest(
      R"({"apiVersion":"v1","kind":"Secret","type":"Opaque","metadata":{"name":"db","labels":{}},
          "data":{"password":"aGk=","both":"eA=="},"stringData":{"both":"text"}})");
  REQUIRE(secret);
  REQUIRE(*secret);
  CHECK((*secret)->secret);
  CHECK((*secret)->name == "db");
  CHECK(wire::encode((*secret)->files) == wire::encode(FileBundle{{"both", 0400, "text"}, {"password", 0400, "hi"}}));
  const auto config = wire::decode_file_manifest(R"({"kind":"ConfigMap","metadata":{"name":"c"},"data":{"k":"v"},"binaryData":{"b":"AAE="}})");
  REQUIRE(config);
  CHECK((*config)->files.size() == 2);
  CHECK_FALSE(*wire::decode_file_manifest(R"({"kind":"VirtualMachine"})"));
  for (const char* wrong : {R"({"kind":"Secret","metadata":{"name":"db"},"data":{"k":"no base64"}})",
                            R"({"kind":"Secret","metadata":{"name":"db"},"data":{"../k":""}})",
                            R"({"kind":"Secret","metadata":{},"data":{}})", R"({"kind":"ConfigMap","metadata":{"name":"x"},"dataa":{}})",
                            R"({"kind":"ConfigMap","metadata":{"name":"x"},"data":{"k":1}})"}) {
    INFO(wrong);
    CHECK_FALSE(wire::decode_file_manifest(wrong));
  }
}

TEST_CASE("a guest plan is ASCII, whatever its names are") {
  GuestPlan plan;
  plan.mounts.push_back({MountKind::tmpfs, "t", "/mnt/\u00e4 \"x\", y", "", false, false, false, false, false, Bytes{mib}});
  plan.sysctl = {"a=b"};
  plan.swap_disk = "swap";
  plan.swap = Bytes{gib};
  const std::string text = wire::encode(plan);
  CHECK(text.find_first_of("\n\x7f") == std::string::npos);
  for (const char c : text) CHECK(static_cast<unsigned char>(c) < 0x80);
  const auto back = wire::decode_guest_plan(text);
  REQUIRE(back);
  CHECK(*back == plan);
  CHECK(wire::decode_guest_plan(R"({"mounts":[],"later":1})"));
  CHECK_FALSE(wire::decode_guest_plan(R"({"mounts":[{"kind":"floppy","name":"a","path":"/a"}]})"));
}
