// Upstream's spec, accounts of an image, and the document that comes of them.
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/vm-builder/layer_maker.hpp"
#include "vm-builder/accounts.hpp"
#include "vm-builder/guest_files.hpp"
#include "vm-builder/spec.hpp"
#include "vm-builder/tar_layer.hpp"

namespace neonvm::builder {
namespace {

constexpr const char* passwd = "root:x:0:0:root:/root:/bin/sh\nwww:x:33:34:web:/var/www:/bin/false\nbroken line\n";
constexpr const char* group = "root:x:0:\nweb:x:34:\nlog:x:4:www,other\nadm:x:5:www\n";

std::string faults_of(const char* json) {
  auto read = read_spec(json);
  std::string all;
  if (const auto* faults = std::get_if<std::vector<Error>>(&read)) {
    for (const Error& fault : *faults) all += fault.message + "\n";
  }
  return all;
}

#define REQUIRE_SAYS(text, words) REQUIRE_THAT(text, Catch::Matchers::Contains(words))

}  // namespace

TEST_CASE("a spec as upstream's product writes it") {
  auto read = read_spec(R"({"commands":[{"name":"cg","user":"root","sysvInitAction":"sysinit","shell":"x"}],
    "shutdownHook":"stop","build":"FROM a AS b","merge":"COPY f /f","files":[{"filename":"f","content":"c"},{"filename":"d/g","hostPath":"g"}]})");
  const auto& spec = std::get<Spec>(read);
  REQUIRE(spec.commands.at(0).action == "sysinit");
  REQUIRE(spec.shutdown_hook == "stop");
  REQUIRE(spec.files.at(1).host_path == "g");
  REQUIRE(spec.needs_buildah());
  REQUIRE(std::get<Spec>(read_spec("null")).commands.empty());
}

TEST_CASE("everything wrong with a spec is told at once") {
  const std::string said = faults_of(R"({"comands":[],"commands":[{"name":"","user":"u","sysvInitAction":"sometimes"}],
    "files":[{"filename":"../x","content":"a","hostPath":"b"},{"filename":"y"},7],"merge":3})");
  REQUIRE_SAYS(said, "comands: there is no such field; did you mean commands?");
  REQUIRE_SAYS(said, "commands[0].name: is empty");
  REQUIRE_SAYS(said, "commands[0]: shell is missing");
  REQUIRE_SAYS(said, "commands[0].sysvInitAction: \"sometimes\" is none of sysinit, wait");
  REQUIRE_SAYS(said, "files[0]: needs either hostPath or content");
  REQUIRE_SAYS(said, "files[0].filename: \"../x\" leads out of the build's context");
  REQUIRE_SAYS(said, "files[1]: needs either");
  REQUIRE_SAYS(said, "files[2]: is no mapping");
  REQUIRE_SAYS(said, "merge: is not a text");
}

TEST_CASE("users are found as an image's configuration names them") {
  const auto www = find_account("www", passwd, group);
  REQUIRE(www);
  REQUIRE((www->uid == 33 && www->gid == 34 && www->home == "/var/www"));
  REQUIRE(www->groups == std::vector<std::uint32_t>{4, 5});
  REQUIRE(find_account("33", passwd, group)->name == "www");
  REQUIRE(find_account("www:log", passwd, group)->gid == 4);
  REQUIRE(find_account("77:88", "", "")->uid == 77);
  REQUIRE(find_account("77:88", "", "")->gid == 88);
  REQUIRE(find_account("", "", "")->uid == 0);
  REQUIRE_SAYS(find_account("nobody", passwd, group).error().message, "user \"nobody\" is not in the image's /etc/passwd");
  REQUIRE_SAYS(find_account("www:none", passwd, group).error().message, "/etc/group");
}

TEST_CASE("a workload document is what image and spec say, and is read back") {
  TempDir folder;
  Spool spool = std::move(*Spool::in_folder(folder.path()));
  Tree tree;
  LayerMaker layer;
  REQUIRE(read_tar_bytes("layer 1", layer.file("etc/passwd", passwd).file("etc/group", group).file("bin/sh", "a shell").bytes(), tree, spool));
  ImageConfig config;
  config.entrypoint = {"/serve", "it's \"quoted\"\n"};
  config.env = {"A=$x `y`"};
  config.user = "www";
  config.stop_signal = "SIGRTMIN+3";
  config.healthcheck = Healthcheck{{"CMD-SHELL", "curl x"}, std::chrono::seconds(5), {}, {}, 2};
  Spec spec;
  wire::WorkloadCommand command;
  command.name = command.shell = "true";
  command.user = "www";
  command.action = "once";
  spec.commands = {command};
  const auto workload = make_workload(config, spec, tree, spool);
  REQUIRE(workload);
  REQUIRE(workload->uid == 33);
  REQUIRE(workload->commands.at(0).gid == 34);
  REQUIRE(workload->healthcheck->argv == std::vector<std::string>{"/bin/sh", "-c", "curl x"});
  REQUIRE(wire::signal_number(workload->stop_signal).value_or(0) == 37);
  REQUIRE(add_guest_files(*workload, "", "amd64", tree, spool));
  const Inode* document = tree.find(wire::workload_path);
  const auto again = wire::decode_workload(*spool.text(document->data, document->size));
  REQUIRE(again);
  REQUIRE(*again == *workload);
  REQUIRE(tree.find("/tmp")->mode == 01777);
  config.stop_signal = "SIGNONE";
  REQUIRE_SAYS(make_workload(config, spec, tree, spool).error().message, "the image's StopSignal: \"SIGNONE\" is no signal");
}

TEST_CASE("only a static program is put into a disk") {
  TempDir folder;
  Spool spool = std::move(*Spool::in_folder(folder.path()));
  Tree tree;
  REQUIRE_SAYS(add_guest_files({}, "/proc/self/exe", "", tree, spool).error().message, "is linked dynamically");
  REQUIRE_SAYS(add_guest_files({}, "/etc/passwd", "", tree, spool).error().message, "is no program");
  REQUIRE_SAYS(add_guest_files({}, "/proc/self/exe", "riscv64", tree, spool).error().message, ", and the image for riscv64");
}

TEST_CASE("a spec that needs a shell is refused where there is none") {
  TempDir folder;
  Spool spool = std::move(*Spool::in_folder(folder.path()));
  Tree tree;
  Spec spec;
  spec.shutdown_hook = "true";
  REQUIRE_SAYS(make_workload({}, spec, tree, spool).error().message, "/bin/sh, which this image does not have");
  Inode shell;
  shell.type = FileType::symlink;
  shell.mode = 0777;
  shell.target = "dash";
  REQUIRE(tree.add("usr/bin/sh", std::move(shell)));
  REQUIRE_SAYS(make_workload({}, spec, tree, spool).error().message, "/bin/sh, which this image does not have");
  Inode dash;
  dash.type = FileType::regular;
  REQUIRE(tree.add("usr/bin/dash", std::move(dash)));
  REQUIRE(make_workload({}, spec, tree, spool));
}

}  // namespace neonvm::builder
