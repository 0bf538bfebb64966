// Disks that move with their machine, without a guest: certificates, bad luck on the way, and what the files are after it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/launcher.hpp"
#include "plugins/hypervisor-qemu/qmp_client.hpp"
#include "plugins/hypervisor-qemu/qmp_commands.hpp"
#include "plugins/hypervisor-qemu/run_program.hpp"
#include "plugins/hypervisor-qemu/unix_socket.hpp"
#include "tests/plugins/hypervisor-qemu/certificates.hpp"
#include "tests/plugins/hypervisor-qemu/real_qemu.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::qemu {
namespace {

using namespace neonvm::contracts;

constexpr std::uint64_t slow = mib;  // many seconds, and in each of them something is sent

void must_run(const std::vector<std::string>& argv) {
  const auto end = run_program(argv, in_time());
  REQUIRE(end.ok());
  INFO(argv.front() << " " << argv[1] << ": " << end->output);
  REQUIRE(end->status == 0);
}

// A source whose disks have something on them, and its targets.
class Pair {
 public:
  explicit Pair(const Settings& settings = {}) : qemu(std::make_shared<RealQemu>(settings)), under_test(contract_over(qemu)) {
    under_test.machine = [this](const std::string& name, const std::string& vm) {
      MachineSpec made = qemu->machine(name, vm);
      made.kernel = made.initrd = made.cmdline = "";  // firmware that finds nothing to boot
      made.tls_dir = tls_dir;
      made.tls_name = tls_name;
      made.tls_peer = tls_peer;
      if (!made.tls_dir.empty()) made.migration_host = "127.0.0.1";
      made.migration_port = made.tls_dir.empty() ? std::uint16_t{0} : free_port();
      return made;
    };
  }

  void start() {
    spec = under_test.machine("a", "a");
    spec.carries_disks = true;
    must_make_disks(under_test, spec);
    must_run({"qemu-io", "-c", "write -P 9 1M 8M", spec.disks[0].path});
    must_run({"qemu-io", "-c", "write -P 5 1M 2M", "-c", "write -P 0 4M 8M", spec.disks[1].path});
    source = must_start(qemu->door(), spec);
  }

  std::unique_ptr<Machine> target(const std::string& name) {
    there = target_of(under_test, spec, must_inspect(*source), name);
    return must_start(qemu->door(), there);
  }

  void must_run_on() const {
    await_state(*source, [](const MachineState& now) { return now.phase == MachinePhase::running; });
  }

  // Both QEMUs are gone then.
  void must_be_equal(Machine& target) const {
    REQUIRE(source->kill(in_time()).ok());
    REQUIRE(target.quit(in_time()).ok());
    for (std::size_t i = 0; i < spec.disks.size(); ++i) {
      must_run({"qemu-img", "check", there.disks[i].path});
      must_run({"qemu-img", "compare", spec.disks[i].path, there.disks[i].path});
    }
  }

  MigrationReport move(Machine& target) const {
    must_migrate_to(*source, must_listen(target, must_inspect(*source)));
    return await_end_of_migration(*source);
  }

  std::shared_ptr<RealQemu> qemu;
  HypervisorUnderTest under_test;
  std::string tls_dir, tls_name, tls_peer;
  MachineSpec spec, there;
  std::unique_ptr<Machine> source;
};

std::uint64_t allocated(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return static_cast<std::uint64_t>(info.st_blocks) * 512;
}

TEST_CASE("disks arrive as they are, and what is zero takes no room") {
  Pair pair;
  pair.start();
  auto target = pair.target("b");
  const MigrationReport report = pair.move(*target);
  INFO(report.why);
  REQUIRE(report.state == MigrationState::completed);
  CHECK(report.progress.total >= pair.spec.base_memory + Bytes{10 * mib});
  CHECK(report.progress.transferred >= Bytes{10 * mib});
  REQUIRE(target->resume(in_time()).ok());
  CHECK(allocated(pair.spec.disks[1].path) >= 10 * mib);
  CHECK(allocated(pair.there.disks[1].path) < 4 * mib);
  pair.must_be_equal(*target);
}

TEST_CASE("over TLS: for the host's address, or for a name") {
  Pair pair;
  pair.tls_dir = pair.under_test.folder + "/tls";
  pair.tls_name = GENERATE("", "vm.test");
  pair.tls_peer = pair.tls_name.empty() ? "" : "CN=client";
  make_certificates(pair.tls_dir);
  pair.start();
  auto target = pair.target("b");
  const MigrationReport report = pair.move(*target);
  INFO(report.why);
  REQUIRE(report.state == MigrationState::completed);
  REQUIRE(target->resume(in_time()).ok());
  pair.must_be_equal(*target);
}

TEST_CASE("over TLS: who cannot show that he belongs there is told so, and both sides are as they were") {
  Pair pair;
  const std::string right = pair.under_test.folder + "/tls", wrong = pair.under_test.folder + "/other";
  make_certificates(right);
  make_certificates(wrong);
  const std::string nobody = pair.under_test.folder + "/nobody";  // trusts the target, and has nothing to show
  std::filesystem::create_directory(nobody);
  std::filesystem::copy_file(right + "/ca-cert.pem", nobody + "/ca-cert.pem");
  struct Case {
    std::string folder, name, words;
  };
  for (const auto& [folder, name, words] : {Case{wrong, "", "issuer"}, Case{right, "other.test", "does not match the hostname"},
                                            Case{nobody, "", "disk root"}, Case{"", "", "needs certificates"}}) {
    INFO(folder << " " << name);
    pair.tls_dir = right;
    pair.tls_name = name;
    pair.start();
    auto target = pair.target("b");
    const auto address = target->listen(must_inspect(*pair.source), in_time());
    REQUIRE(address.ok());
    // The same machine with other certificates.
    pair.source.reset();
    MachineSpec other = pair.spec;
    other.tls_dir = folder;
    if (folder.empty()) other.migration_host = "";
    auto source = pair.qemu->door().attach(other, in_time());
    REQUIRE(source.ok());
    const Status taken = (*source)->migrate_to(*address, {}, in_time());
    REQUIRE_FALSE(taken.ok());
    INFO(taken.error().message);
    CHECK(taken.error().message.find(words) != std::string::npos);
    CHECK((*source)->migration(in_time())->state == MigrationState::none);
    CHECK(must_inspect(**source).phase == MachinePhase::running);
    CHECK(must_inspect(*target).phase == MachinePhase::incoming);
    CHECK((*source)->kill(in_time()).ok());
    CHECK(target->kill(in_time()).ok());
    for (const char* side : {"a", "b"}) std::filesystem::remove_all(pair.under_test.folder + "/" + side);
  }
}

TEST_CASE("over TLS: somebody of the same authority who is not the one that is awaited is turned away") {
  Pair pair;
  pair.tls_dir = pair.under_test.folder + "/tls";
  pair.tls_peer = "CN=another VM";
  make_certificates(pair.tls_dir);
  pair.start();
  auto target = pair.target("b");
  const auto address = target->listen(must_inspect(*pair.source), in_time());
  REQUIRE(address.ok());
  CHECK_FALSE(pair.source->migrate_to(*address, {}, in_time()).ok());
  CHECK(pair.source->migration(in_time())->state == MigrationState::none);
  pair.must_run_on();
  CHECK(must_inspect(*target).phase == MachinePhase::incoming);
  CHECK(target->kill(in_time()).ok());
  CHECK(pair.source->kill(in_time()).ok());
}

TEST_CASE("a side that carries its disks and one that does not have nothing to say to each other") {
  Pair pair;
  pair.start();
  MachineSpec plain = pair.under_test.machine("b", "a");
  plain.incoming = true;
  auto target = must_start(pair.qemu->door(), plain);
  const auto address = target->listen(must_inspect(*pair.source), in_time());
  REQUIRE(address.ok());
  for (const std::string& to : {*address, std::string("unix:/nowhere.sock,disks"), std::string("tcp:127.0.0.1:1,disks")}) {
    INFO(to);
    CHECK_FALSE(pair.source->migrate_to(to, {}, in_time()).ok());
    pair.must_run_on();
  }
  CHECK(target->kill(in_time()).ok());
}

TEST_CASE("disks that stop to be taken in the middle are given up, and the VM goes to the next target") {
  Pair pair;
  pair.start();
  auto target = pair.target("b");
  must_migrate_to(*pair.source, must_listen(*target, must_inspect(*pair.source)), slow);
  await_event(*pair.source, MachineEventKind::migration);
  {
    auto socket = connect_to(RunDir(pair.there.run_dir).oob_monitor);
    REQUIRE(socket.ok());
    auto monitor = QmpClient::begin(std::move(*socket), {[](const QmpEvent&) {}, [] {}}, in_time());
    REQUIRE(monitor.ok());
    REQUIRE((*monitor)->execute(plain("nbd-server-stop"), in_time()).ok());
  }
  const MigrationReport report = await_end_of_migration(*pair.source);
  INFO(report.why);
  CHECK(report.state == MigrationState::failed);
  CHECK(report.why.starts_with("disk "));
  pair.must_run_on();
  CHECK(must_inspect(*target).phase == MachinePhase::incoming);
  CHECK(target->kill(in_time()).ok());
  auto next = pair.target("c");
  REQUIRE(pair.move(*next).state == MigrationState::completed);
  REQUIRE(next->resume(in_time()).ok());
  pair.must_be_equal(*next);
}

TEST_CASE("a target that hangs while it takes the disks is given up") {
  Settings settings;
  settings.migration_stall = std::chrono::seconds(1);
  Pair pair(settings);
  // A Unix socket whose peer reads no more keeps a QEMU that writes to it until the peer ends.
  pair.tls_dir = pair.under_test.folder + "/tls";
  make_certificates(pair.tls_dir);
  pair.start();
  auto target = pair.target("b");
  const std::string address = must_listen(*target, must_inspect(*pair.source));
  must_migrate_to(*pair.source, address, 8 * mib);
  await_event(*pair.source, MachineEventKind::migration);
  REQUIRE(::kill(static_cast<pid_t>(must_inspect(*target).pid), SIGSTOP) == 0);
  const MigrationReport report = await_end_of_migration(*pair.source);
  INFO(report.why);
  CHECK(report.state == MigrationState::failed);
  CHECK(report.why.find("nothing was copied for") != std::string::npos);
  pair.must_run_on();
  CHECK(target->kill(in_time()).ok());
}

TEST_CASE("what a holder began with the disks and did not end is undone by the next") {
  Pair pair;
  pair.start();
  auto target = pair.target("b");
  must_migrate_to(*pair.source, must_listen(*target, must_inspect(*pair.source)), slow);
  await_event(*pair.source, MachineEventKind::migration);
  pair.source.reset();
  auto next = pair.qemu->door().attach(pair.spec, in_time());
  REQUIRE(next.ok());
  pair.source = std::move(*next);
  const MigrationReport report = await_end_of_migration(*pair.source);
  INFO(report.why);
  CHECK(report.state == MigrationState::failed);
  CHECK(report.why.find("its runner ended") != std::string::npos);
  pair.must_run_on();
  CHECK(target->kill(in_time()).ok());
  auto fresh = pair.target("c");
  CHECK(pair.move(*fresh).state == MigrationState::completed);
  pair.must_be_equal(*fresh);
}

TEST_CASE("a backing image may be an open file without a name") {
  RealQemu qemu;
  MachineSpec spec = qemu.machine("a", "a");
  spec.kernel = spec.initrd = spec.cmdline = "";
  const std::string base = qemu.folder() + "/base.qcow2", root = qemu.folder() + "/root.qcow2";
  REQUIRE(qemu.door().create_disk(base, "", Bytes{16 * mib}, in_time()).ok());
  const UniqueFd low(::open(base.c_str(), O_RDONLY | O_CLOEXEC));
  const UniqueFd file(::fcntl(low.get(), F_DUPFD_CLOEXEC, 100));
  REQUIRE(file);
  REQUIRE(::unlink(base.c_str()) == 0);
  const std::string name = "/proc/self/fd/" + std::to_string(file.get());
  REQUIRE(qemu.door().create_disk(root, name, Bytes{32 * mib}, in_time()).ok());
  spec.disks = {{"root", root, "qcow2", false, false, name, {}}};
  for (int life = 0; life < 2; ++life) {
    auto machine = must_start(qemu.door(), spec);
    CHECK(must_inspect(*machine).phase == MachinePhase::running);
    CHECK(machine->kill(in_time()).ok());
  }
}

}  // namespace
}  // namespace neonvm::qemu
