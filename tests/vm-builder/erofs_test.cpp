// The erofs that a tree becomes, looked at by erofs-utils and read back: fsck.erofs checks every block of every file.
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/vm-builder/layer_maker.hpp"
#include "vm-builder/erofs_image.hpp"
#include "vm-builder/file_io.hpp"
#include "vm-builder/program.hpp"
#include "vm-builder/tar_layer.hpp"

namespace neonvm::builder {
namespace {

std::string run(const std::vector<std::string>& argv) {
  auto end = run_program(argv);
  REQUIRE(end);
  INFO(end->output);
  REQUIRE(end->status == 0);
  return end->output;
}

#define REQUIRE_SAYS(text, words) REQUIRE_THAT(text, Catch::Matchers::Contains(words))

}  // namespace

TEST_CASE("erofs holds what the tree holds, and the same tree gives the same bytes") {
  TempDir folder;
  Spool spool = std::move(*Spool::in_folder(folder.path()));
  Tree tree;
  SilentSteps steps;
  LayerMaker layer;
  layer.add({"bin/ping", 'f', std::string(5000, 'p'), 04755, 100000, 70000, 1234567890, {{"security.capability", "cap"}, {"user.x", std::string(300, 'y')}}});
  layer.link("short", "bin/ping").link("long", std::string(1000, 't')).hard_link("again", "bin/ping").file("empty");
  layer.add({"null", 'c', "", 0666, 0, 0, 0, {}, 1, 3}).add({"pipe", 'p', "", 0600}).file("whole", std::string(8192, 'w'));
  layer.file("almost", std::string(4090, 'a')).file("-before dots").file("zwölf");
  for (int i = 0; i < 3000; ++i) layer.file("many/a-rather-long-name-for-a-file-" + std::to_string(i), std::to_string(i));
  REQUIRE(read_tar_bytes("layer 1", layer.bytes(), tree, spool));
  const std::string one = folder.path() / "one", two = folder.path() / "two";
  REQUIRE(make_erofs(Numbering(tree), spool, {"sha256:seed", 1700000000}, one, steps));
  REQUIRE(make_erofs(Numbering(tree), spool, {"sha256:seed", 1700000000}, two, steps));
  REQUIRE(*read_file(one, 1 << 28) == *read_file(two, 1 << 28));
  run({"fsck.erofs", one});
  REQUIRE_SAYS(run({"dump.erofs", "--path=/bin/ping", one}), "Uid: 100000");
  REQUIRE_SAYS(run({"dump.erofs", "--path=/bin/ping", one}), "Size: 5000");
  REQUIRE_SAYS(run({"dump.erofs", "--path=/many/a-rather-long-name-for-a-file-2999", one}), "Size: 4");
  REQUIRE_SAYS(run({"dump.erofs", "--path=/-before dots", one}), "Size: 0");
  REQUIRE_SAYS(run({"dump.erofs", "--path=/zwölf", one}), "Size: 0");
}

TEST_CASE("an attribute that erofs has no word for is told with its path") {
  TempDir folder;
  Spool spool = std::move(*Spool::in_folder(folder.path()));
  Tree tree;
  SilentSteps steps;
  LayerMaker layer;
  layer.add({"a", 'f', "x", 0644, 0, 0, 0, {{"odd.name", "v"}}});
  REQUIRE(read_tar_bytes("layer 1", layer.bytes(), tree, spool));
  const Status done = make_erofs(Numbering(tree), spool, {"s", 0}, folder.path() / "x", steps);
  REQUIRE_FALSE(done);
  REQUIRE_SAYS(done.error().message, "\"/a\": erofs cannot hold the extended attribute \"odd.name\"");
}

}  // namespace neonvm::builder
