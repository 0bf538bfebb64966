// QEMU as a process: who owns it, who finds it again, and what is told when it does not come up.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <future>

#include "core/wire/model_json.hpp"
#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/launcher.hpp"
#include "plugins/hypervisor-qemu/qemu_hypervisor.hpp"
#include "tests/plugins/hypervisor-qemu/real_qemu.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::qemu {
namespace {

using namespace neonvm::contracts;

// Another process that holds a machine.
class Holder {
 public:
  explicit Holder(const MachineSpec& spec) {
    const std::string json = wire::encode(spec);
    REQUIRE(::pipe2(ends_.data(), O_CLOEXEC) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends_[1], 1);
      ::execl(NEONVM_MACHINE_HOLDER, NEONVM_MACHINE_HOLDER, json.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(ends_[1]);
  }
  ~Holder() {
    kill();
    ::close(ends_[0]);
  }
  std::string says() const {
    std::array<char, 512> text{};
    const ssize_t n = ::read(ends_[0], text.data(), text.size());
    return n > 0 ? std::string(text.data(), static_cast<std::size_t>(n)) : "";
  }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  std::array<int, 2> ends_{};
  pid_t pid_ = 0;
};

MachineSpec small(RealQemu& qemu, const std::string& name) {
  MachineSpec spec = qemu.machine(name, name);
  spec.kernel = spec.initrd = spec.cmdline = "";  // firmware that finds nothing to boot
  return spec;
}

TEST_CASE("a machine outlives a holder that is killed, and its successor hears everything") {
  RealQemu qemu;
  const MachineSpec spec = small(qemu, "a");
  Holder holder(spec);
  REQUIRE(holder.says() == "held\n");
  CHECK(qemu.door().start(spec, in_time()).error().code == Code::already_exists);
  CHECK(qemu.door().attach(spec, in_time()).error().code == Code::already_exists);
  holder.kill();
  CHECK(qemu.door().start(spec, in_time()).error().code == Code::already_exists);
  auto machine = qemu.door().attach(spec, in_time());
  INFO((machine ? std::string() : machine.error().message));
  REQUIRE(machine.ok());
  const MachineState state = must_inspect(**machine);
  CHECK(state.phase == MachinePhase::running);
  REQUIRE((*machine)->pause(in_time()).ok());
  await_event(**machine, MachineEventKind::paused);
  ::kill(static_cast<pid_t>(state.pid), SIGKILL);
  await_event(**machine, MachineEventKind::gone);
  CHECK(must_inspect(**machine).phase == MachinePhase::gone);
}

TEST_CASE("of many starts at once one has the machine, and no second QEMU is there") {
  RealQemu qemu;
  for (int round = 0; round < 5; ++round) {
    const MachineSpec spec = small(qemu, "m" + std::to_string(round));
    std::vector<std::future<Result<std::unique_ptr<Machine>>>> all;
    for (int i = 0; i < 4; ++i) {
      all.push_back(std::async(std::launch::async, [&] { return qemu.door().start(spec, in_time()); }));
    }
    std::vector<std::unique_ptr<Machine>> machines;
    for (auto& one : all) {
      auto result = one.get();
      if (result) machines.push_back(std::move(*result));
      else CHECK(result.error().code == Code::already_exists);
    }
    REQUIRE(machines.size() == 1);
    const auto owner = lock_holder(RunDir(spec.run_dir).lock);
    REQUIRE(owner.ok());
    REQUIRE(owner->has_value());
    CHECK((*owner)->pid == must_inspect(*machines[0]).pid);
    CHECK(machines[0]->kill(in_time()).ok());
  }
}

TEST_CASE("what QEMU does not like is told in its words, and nothing is left") {
  RealQemu qemu;
  MachineSpec spec = small(qemu, "a");
  spec.extra_args = {"-device", "no-such-device"};
  const auto machine = qemu.door().start(spec, in_time());
  REQUIRE_FALSE(machine.ok());
  CHECK(machine.error().code == Code::refused);
  CHECK(machine.error().message.find("no-such-device") != std::string::npos);
  CHECK_FALSE(lock_holder(RunDir(spec.run_dir).lock)->has_value());
  // A device that could not move is refused before the guest runs.
  spec.extra_args = {"-device", "ivshmem-plain,memdev=ram0"};
  CHECK_FALSE(qemu.door().start(spec, in_time()).ok());
  spec.extra_args.clear();
  auto good = must_start(qemu.door(), spec);
  CHECK(good->kill(in_time()).ok());
}

TEST_CASE("a program that is not there is named") {
  Settings settings;
  settings.binary = "qemu-system-nowhere";
  RealQemu qemu(settings);
  const auto machine = qemu.door().start(small(qemu, "a"), in_time());
  REQUIRE_FALSE(machine.ok());
  CHECK(machine.error().code == Code::not_found);
  CHECK(machine.error().message.find("qemu-system-nowhere") != std::string::npos);
}

TEST_CASE("a QEMU that hangs keeps nobody beyond the deadline, and can be killed") {
  RealQemu qemu;
  auto machine = must_start(qemu.door(), small(qemu, "a"));
  const auto pid = static_cast<pid_t>(must_inspect(*machine).pid);
  REQUIRE(::kill(pid, SIGSTOP) == 0);
  const auto state = machine->inspect(clock_now() + std::chrono::milliseconds(100));
  REQUIRE_FALSE(state.ok());
  CHECK(state.error().code == Code::deadline_exceeded);
  const auto event = machine->next_event(clock_now() + std::chrono::milliseconds(100));
  CHECK((event.ok() && !event->has_value()));
  CHECK(machine->kill(in_time()).ok());
  await_event(*machine, MachineEventKind::gone);
}

TEST_CASE("run directories may be longer than a socket's name") {
  RealQemu qemu;
  MachineSpec spec = small(qemu, std::string(120, 'x'));
  auto machine = must_start(qemu.door(), spec);
  MachineSpec there = small(qemu, std::string(120, 'y'));
  there.incoming = true;
  auto target = must_start(qemu.door(), there);
  const auto address = target->listen(must_inspect(*machine), in_time());
  REQUIRE(address.ok());
  const Status taken = machine->migrate_to(*address, {}, in_time());
  INFO(*address << (taken ? "" : ": " + taken.error().message));
  REQUIRE(taken.ok());
  CHECK(await_end_of_migration(*machine).state == MigrationState::completed);
  CHECK(machine->kill(in_time()).ok());
  CHECK(target->kill(in_time()).ok());
}

TEST_CASE("a target that hangs is given up, and the VM runs on") {
  Settings settings;
  settings.migration_stall = std::chrono::seconds(1);
  RealQemu qemu(settings);
  const MachineSpec spec = small(qemu, "a");
  auto source = must_start(qemu.door(), spec);
  MachineSpec there = small(qemu, "b");
  there.name = spec.name;
  there.incoming = true;
  auto target = must_start(qemu.door(), there);
  const auto address = target->listen(must_inspect(*source), in_time());
  REQUIRE(address.ok());
  REQUIRE(::kill(static_cast<pid_t>(must_inspect(*target).pid), SIGSTOP) == 0);
  REQUIRE(source->migrate_to(*address, {}, in_time()).ok());
  const MigrationReport report = await_end_of_migration(*source);
  INFO(report.why);
  CHECK(report.state == MigrationState::failed);
  CHECK(report.why.find("nothing was copied for 1 s") != std::string::npos);
  await_state(*source, [](const MachineState& now) { return now.phase == MachinePhase::running; });
  CHECK(target->kill(in_time()).ok());
  CHECK(source->kill(in_time()).ok());
}

TEST_CASE("only Unix sockets are migrated to") {
  RealQemu qemu;
  auto source = must_start(qemu.door(), small(qemu, "a"));
  for (const char* address : {"tcp:127.0.0.1:1", "exec:cat", "fd:7", ""}) {
    CHECK(source->migrate_to(address, {}, in_time()).error().code == Code::invalid_argument);
  }
  CHECK(must_inspect(*source).phase == MachinePhase::running);
  CHECK(source->kill(in_time()).ok());
}

}  // namespace
}  // namespace neonvm::qemu
