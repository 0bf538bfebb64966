// The ext4 that a tree becomes, looked at with e2fsprogs' own eyes: e2fsck finds nothing, debugfs reads back everything.
#include <fcntl.h>

#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/vm-builder/layer_maker.hpp"
#include "vm-builder/digest.hpp"
#include "vm-builder/ext4_image.hpp"
#include "vm-builder/file_io.hpp"
#include "vm-builder/program.hpp"
#include "vm-builder/tar_layer.hpp"

namespace neonvm::builder {
namespace {

struct Disk {
  TempDir folder;
  Tree tree;
  Spool spool = std::move(*Spool::in_folder(folder.path()));
  SilentSteps steps;
  Ext4Plan plan{.size = Bytes{0}, .seed = "sha256:test", .time = 1700000000};

  explicit Disk(LayerMaker& maker) { REQUIRE(read_tar_bytes("layer 1", maker.bytes(), tree, spool)); }
  std::string path(const std::string& name = "disk") const { return folder.path() / name; }
  Status make(const std::string& name = "disk") {
    return make_ext4(Numbering(tree), spool, plan, path(name), steps);
  }
  void check() const {
    const auto fsck = run_program({"e2fsck", "-fn", path()});
    REQUIRE(fsck);
    INFO(fsck->output);
    REQUIRE(fsck->status == 0);
  }
  std::string debugfs(const std::string& request) const {
    auto end = run_program({"debugfs", "-R", request, path()});
    REQUIRE(end);
    return end->output;
  }
};

std::string digest_of(const std::string& path) { return sha256_of(*read_file(path, std::size_t{1} << 30U)); }

#define REQUIRE_SAYS(text, words) REQUIRE_THAT(text, Catch::Matchers::Contains(words))

}  // namespace

TEST_CASE("ext4 holds what the tree holds") {
  LayerMaker layer;
  const std::string long_target(300, 't'), name = "größe \"1\"";
  layer.folder("etc").add({"etc/shadow", 'f', "root:*", 0640, 0, 42, 1234567890});
  layer.add({"bin/ping", 'f', "p", 04755, 100000, 70000, 0, {{"security.capability", std::string("\1\0\0\2\0\x20\0\0", 8)}, {"user.x", "y"}}});
  layer.link("short", "etc/shadow").link("long", long_target).hard_link("again", "etc/shadow");
  layer.add({"null", 'c', "", 0666, 0, 0, 0, {}, 1, 3}).add({"far", 'b', "", 0660, 0, 0, 0, {}, 300, 70000}).add({"pipe", 'p'});
  layer.file(name, std::string(100'000, 'z')).file("empty").file("block", std::string(4096, 'b'));
  Disk disk(layer);
  REQUIRE(disk.make());
  disk.check();
  REQUIRE_SAYS(disk.debugfs("stat etc/shadow"), "Mode:  0640");
  REQUIRE_SAYS(disk.debugfs("stat etc/shadow"), "Links: 2");
  REQUIRE_SAYS(disk.debugfs("stat bin/ping"), "User: 100000   Group: 70000");
  REQUIRE_SAYS(disk.debugfs("ea_get -x bin/ping security.capability"), "01 00 00 02 00 20 00 00");
  REQUIRE_SAYS(disk.debugfs("stat short"), "Fast link dest: \"etc/shadow\"");
  REQUIRE(disk.debugfs("cat long").find(long_target) != std::string::npos);
  REQUIRE_SAYS(disk.debugfs("stat null"), "Device major/minor number: 01:03");
  REQUIRE_SAYS(disk.debugfs("stat far"), "Device major/minor number: 300:70000");
  REQUIRE_SAYS(disk.debugfs("stat pipe"), "Type: FIFO");
  REQUIRE(disk.debugfs("cat again").ends_with("root:*"));
  REQUIRE_SAYS(disk.debugfs("ls -p"), name);
  REQUIRE(run_program({"debugfs", "-R", "dump block " + disk.path("out"), disk.path()}));
  REQUIRE(*read_file(disk.path("out"), 5000) == std::string(4096, 'b'));
}

TEST_CASE("large directories and an own lost+found are sound") {
  LayerMaker layer;
  for (int i = 0; i < 3000; ++i) layer.file("many/a-rather-long-name-for-a-file-" + std::to_string(i), std::to_string(i));
  layer.add({"lost+found", 'd', "", 0700}).file("lost+found/x", "found");
  Disk disk(layer);
  REQUIRE(disk.make());
  disk.check();
  REQUIRE(disk.debugfs("cat many/a-rather-long-name-for-a-file-2999").ends_with("2999"));
  REQUIRE(disk.debugfs("cat lost+found/x").ends_with("found"));
}

TEST_CASE("the same input gives the same bytes") {
  LayerMaker layer;
  for (int i = 0; i < 200; ++i) layer.file("f" + std::to_string(i), std::string(static_cast<std::size_t>(i) * 100, 'x'));
  layer.add({"attributes", 'f', "a", 0644, 0, 0, 0, {{"user.one", std::string(300, '1')}, {"user.two", "2"}}});
  Disk disk(layer);
  REQUIRE(disk.make("one"));
  REQUIRE(disk.make("two"));
  REQUIRE(digest_of(disk.path("one")) == digest_of(disk.path("two")));
  disk.plan.seed = "sha256:other";
  REQUIRE(disk.make("three"));
  REQUIRE(digest_of(disk.path("one")) != digest_of(disk.path("three")));
}

TEST_CASE("a size is kept, and one that is too small is refused before anything is written") {
  LayerMaker layer;
  Disk disk(layer.file("a", std::string(20'000'000, 'x')));
  disk.plan.size = Bytes{256 * mib};
  REQUIRE(disk.make());
  disk.check();
  REQUIRE(std::filesystem::file_size(disk.path()) == 256 * mib);
  disk.plan.size = Bytes{16 * mib};
  const Status small = disk.make("small");
  REQUIRE_FALSE(small);
  REQUIRE_SAYS(small.error().message, "size 16Mi is too small: the files need");
  REQUIRE_FALSE(std::filesystem::exists(disk.path("small")));
}

TEST_CASE("project quotas can be asked for") {
  LayerMaker layer;
  Disk disk(layer.file("a", "x"));
  disk.plan.project_quota = true;
  REQUIRE(disk.make());
  disk.check();
  REQUIRE_SAYS(run_program({"dumpe2fs", "-h", disk.path()})->output, "project");
}

TEST_CASE("an attribute that ext4 cannot hold is told with its path") {
  LayerMaker layer;
  Disk disk(layer.add({"a", 'f', "x", 0644, 0, 0, 0, {{"user.huge", std::string(20'000, 'x')}}}));
  const Status done = disk.make();
  REQUIRE_FALSE(done);
  REQUIRE_SAYS(done.error().message, "extended attribute \"user.huge\" of: \"/a\"");
}

}  // namespace neonvm::builder
