#include "guest/init/init.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <optional>

#include "guest/file_text.hpp"
#include "guest/init/built_root.hpp"
#include "guest/init/modules.hpp"
#include "guest/init/mounts.hpp"
#include "guest/init/network_up.hpp"
#include "guest/init/prepare.hpp"
#include "guest/init/root_switch.hpp"
#include "guest/init/say.hpp"
#include "guest/init/supervisor.hpp"
#include "guest/init/workload_plan.hpp"
#include "guest/kernel_cmdline.hpp"
#include "guest/power.hpp"
#include "guest/process_setup.hpp"
#include "guest/storage.hpp"
#include "guest/text_fields.hpp"
#include "guest/workload_news.hpp"

namespace neonvm::guest {
namespace {

constexpr const char* search_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr const char* first_modules = "/lib/modules/neonvm.first";  // what the link to the host needs
constexpr const char* more_modules = "/lib/modules/neonvm.more";
constexpr const char* mount_modules = "/lib/modules/neonvm.mount";
constexpr const char* disk_modules = "/lib/modules/neonvm.disk";
constexpr std::int64_t usual_grace = 4;
constexpr int not_started = 125;
constexpr Duration files_limit = std::chrono::seconds(20);
constexpr const char* built_init = "/neonvm/bin/init";
constexpr Duration command_limit = std::chrono::minutes(1);  // a spec's command that is waited for

// The last of the active consoles is the one that /dev/console means, and unlike it can be a controlling terminal.
std::string console_device() {
  const auto active = read_text("/sys/class/tty/console/active");
  if (!active) return "";
  std::string_view rest = *active, last;
  for (std::string_view word = next_word(rest); !word.empty(); word = next_word(rest)) last = word;
  return last.empty() ? "" : "/dev/" + std::string(last);
}

void open_console() {
  const int fd = ::open("/dev/console", O_RDWR | O_NOCTTY);
  if (fd < 0) return keep_standard_open();
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(fd, standard);
  if (fd > STDERR_FILENO) ::close(fd);
}

void set_environment() {
  ::setenv("PATH", search_path, 1);
  ::setenv("HOME", "/root", 1);
  ::setenv("TERM", "xterm", 1);
}

void name_host(const KernelCmdline& cmdline) {
  const std::string name = cmdline.find("hostname").value_or("neonvm");
  if (::sethostname(name.data(), name.size()) != 0) say(errno_error("hostname " + name, errno).message);
}

// Returns the card that asks for its address by DHCP, if there is one.
std::optional<std::string> bring_network_up(const KernelCmdline& cmdline) {
  if (const Status lo = bring_up_loopback(); !lo) say(lo.error().message);
  const auto plan = parse_address_plan(cmdline.find("neonvm.ip").value_or(std::string(user_network)));
  if (!plan) {
    say(plan.error().message);
    return std::nullopt;
  }
  for (const std::string& text : cmdline.all("ip")) {
    const auto other = parse_card_plan(text);
    if (!other) continue;
    if (const Status up = bring_up(other->card, other->plan); !up) say(up.error().message);
  }
  const auto card = first_card();
  if (!card || plan->none) return std::nullopt;
  if (const Status up = bring_up(*card, *plan); !up) say(up.error().message);
  if (const Status resolver = write_resolver(*plan); !resolver) say(resolver.error().message);
  return plan->dhcp ? card : std::nullopt;
}

// By a descriptor's name, so that it can still be run when the initramfs has been left.
ServicePlan monitor_plan(int own_program) {
  ServicePlan plan;
  plan.name = "monitor";
  plan.argv = {"neonvm", "monitor"};
  plan.program = "/proc/self/fd/" + std::to_string(own_program);
  return plan;
}

void add_shell(const KernelCmdline& cmdline, Supervisor& supervisor) {
  const std::string console = console_device();
  if (console.empty() || cmdline.find("neonvm.shell").value_or("1") == "0" || ::access("/bin/sh", X_OK) != 0) return;
  supervisor.add({"shell", {"/bin/sh", "-l"}, {}, console, true, SIGHUP, ""});
}

// The document of a built disk, with the words of the kernel command line instead of the document's where there are some.
void add_workload(const KernelCmdline& cmdline, const std::optional<wire::Workload>& built, Supervisor& supervisor) {
  const auto command = cmdline.find("neonvm.run");
  ServicePlan plan = built ? workload_service(*built) : ServicePlan{"workload", {}, {}, "", true, SIGTERM, ""};
  if (command) plan.argv = split_words(*command);
  for (std::string& variable : cmdline.all("neonvm.env")) plan.env.push_back(std::move(variable));
  if (plan.argv.empty()) {
    if (command) say("neonvm.run names no command");
    if (built && built->commands.empty()) say("this disk has nothing to run: its image has no command");
    return;
  }
  const std::string after = cmdline.find("neonvm.exit").value_or("restart");
  if (after == "poweroff") return supervisor.add_workload(std::move(plan), Supervisor::AfterWorkload::power_off);
  if (after == "stay") return supervisor.add_workload(std::move(plan), Supervisor::AfterWorkload::stay);
  if (after != "restart") say("neonvm.exit=" + after + ": give restart, poweroff or stay; taking restart");
  supervisor.add_workload(std::move(plan), Supervisor::AfterWorkload::restart);
}

void run_all(const std::optional<wire::Workload>& built, const char* action) {
  if (!built) return;
  for (ServicePlan& plan : command_services(*built, action)) run_once(std::move(plan), command_limit);
}

void add_commands(const std::optional<wire::Workload>& built, Supervisor& supervisor) {
  if (!built) return;
  for (const char* action : {"once", "respawn"}) {
    for (ServicePlan& plan : command_services(*built, action)) supervisor.add(std::move(plan));
  }
}

Duration grace_of(const KernelCmdline& cmdline) {
  const auto seconds = whole_number<std::int64_t>(cmdline.find("neonvm.grace").value_or(""));
  return std::chrono::seconds(seconds && *seconds >= 0 && *seconds <= 3600 ? *seconds : usual_grace);
}

void load_for_mounts(const GuestPlan& plan) {
  if (plan.mounts.empty()) return;
  load_modules(mount_modules);
  load_modules(disk_modules);
}

void say_prepared() {
  if (const Status written = write_prepared(); !written) say(written.error().message);
}

// The disk's own init takes over as PID 1; a guardian beside it keeps our monitor running.
Status boot_disk(const KernelCmdline& cmdline, int own_program) {
  auto plan = plan_root(cmdline);
  if (!plan) return plan.error();
  load_modules(first_modules);
  load_modules(more_modules);
  if (const Status there = wait_for_root(*plan); !there) return there;
  if (plan->type.empty()) plan->type = file_system_on(plan->device);
  if (plan->type.empty()) plan->type = "ext4";  // whose driver says what is wrong with the disk
  if (plan->type != "ext4") load_modules(disk_modules);
  const GuestPlan provided = plan_of_this_machine();
  load_for_mounts(provided);
  if (const Status entered = enter_root(*plan); !entered) return entered;
  // Made by `neonvm build`: its init is of our kind, so this one goes on there.
  if (on_built_disk() && cmdline.find("init").value_or(built_init) == built_init) return {};
  make_file_folders(provided);
  if (::fork() == 0) {
    ::setsid();
    Supervisor guardian;
    guardian.add(monitor_plan(own_program));
    guardian.run();
    guardian.stop_services();
    ::_exit(0);
  }
  // What is not there was said; which of the disk's own services need it, only that init knows.
  prepare_guest(provided);
  await_files(provided, files_limit);
  say_prepared();
  return become_init(*plan);
}

// As if it had ended at once, so that the host hears of it: what it would write would be in the wrong place.
void leave_workload_out(const std::vector<std::string>& missing) {
  say("the workload is not started: " + missing.front());
  wire::WorkloadEnded news;
  news.exit_code = not_started;
  news.why = "not started: " + missing.front();
  news.starts = 1;
  if (const Status written = write_news(news); !written) say(written.error().message);
}

[[noreturn]] void end(PowerEnd how) {
  for (const std::string& word : leave_storage()) say(word);
  const Status ended = end_machine(how);
  say(ended.error().message);
  for (;;) ::pause();
}

}  // namespace

int run_init() {
  if (::getpid() != 1) {
    say("this is for PID 1 of a guest");
    return 2;
  }
  mount_kernel_file_systems();
  open_console();
  set_environment();
  const KernelCmdline cmdline = KernelCmdline::of_this_machine();
  const int own_program = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  name_host(cmdline);
  if (cmdline.find("root") && !on_built_disk()) {
    const Status booted = boot_disk(cmdline, own_program);
    if (!booted) say(booted.error().message + "; going on without that disk");
  }
  const auto built = read_workload();
  if (built) settle_built_root(cmdline);
  Supervisor supervisor;
  load_modules(first_modules);
  supervisor.find_power_button();
  if (!supervisor.has_power_button()) say("no power button: only the monitor can power this guest off");
  const GuestPlan provided = plan_of_this_machine();
  make_file_folders(provided);
  supervisor.add(monitor_plan(own_program));
  supervisor.tend();
  load_modules(more_modules);
  load_for_mounts(provided);
  if (const auto card = bring_network_up(cmdline)) {
    supervisor.add({"dhcp", {"udhcpc", "-f", "-i", *card, "-s", "/etc/udhcpc.script"}, {}, "", true, SIGTERM, ""});
  }
  const auto missing = prepare_guest(provided);
  await_files(provided, files_limit);
  say_prepared();
  if (missing.empty()) {
    run_all(built, "sysinit");
    run_all(built, "wait");
    add_workload(cmdline, built, supervisor);
    add_commands(built, supervisor);
  } else {
    leave_workload_out(missing);
  }
  add_shell(cmdline, supervisor);
  const bool useless = !missing.empty() && cmdline.find("neonvm.exit").value_or("") == "poweroff";
  const PowerEnd how = useless ? PowerEnd::off : supervisor.run();
  run_all(built, "shutdown");
  if (auto hook = built ? shutdown_hook(*built) : std::nullopt) run_once(std::move(*hook), grace_of(cmdline));
  supervisor.stop_all(grace_of(cmdline));
  end(how);
}

}  // namespace neonvm::guest
