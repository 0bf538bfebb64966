// neonvm ssh: a shell or a command in a guest by SSH, over the guest's link: no port and no network is needed.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/guest_session.hpp"
#include "cli/ssh_keys.hpp"
#include "core/model/object.hpp"
#include "core/model/shown_text.hpp"

namespace neonvm::cli {

namespace {

struct SshOptions {
  std::string name, user = "root";
  std::vector<std::string> command;
  bool tty = false, print_config = false, through = false;
};

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// A guest's words on a terminal.
std::string said(std::string text) {
  constexpr std::size_t most = 2000;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return harmless(std::move(text), most);
}

// The guest learns our key, and tells its own over the link, which nobody else can speak on.
Status introduce(const RunnerReach& runner, const SshFolder& folder) {
  auto key = folder.own_key();
  if (!key) return key.error();
  const int file = memfd_create("key", MFD_CLOEXEC);
  if (file < 0 || !write_all(file, *key + "\n") || lseek(file, 0, SEEK_SET) != 0) {
    return Error{Code::internal, std::string("memfd: ") + std::strerror(errno)};
  }
  wire::ExecRequest request;
  request.argv = {"neonvm", "ssh-server", "--prepare"};
  std::string told, complaint;
  GuestStreams streams;
  streams.input = file;
  streams.output = [&](int stream, std::string_view bytes) {
    std::string& text = stream == 2 ? complaint : told;
    if (text.size() < 64 * kib) text += bytes;
    return true;
  };
  auto done = guest_session(runner, request, streams);
  close(file);
  if (!done) return done.error();
  while (!told.empty() && told.back() == '\n') told.pop_back();
  if (*done != 0) {
    const std::string why = said(complaint);
    return Error{*done == 4 ? Code::not_found : Code::failed_precondition,
                 why.empty() ? "the guest's SSH server cannot be prepared: exit code " + std::to_string(*done) : why};
  }
  if (!is_host_key(told)) return Error{Code::failed_precondition, "the guest tells no host key: " + said(told)};
  return folder.know_host(told);
}

// What ssh runs as its ProxyCommand.
Result<int> carry(const RunnerReach& runner) {
  wire::ExecRequest request;
  request.argv = {"neonvm", "ssh-server"};
  GuestStreams streams;
  streams.input = STDIN_FILENO;
  // What the server logs is for nobody's terminal.
  streams.output = [](int stream, std::string_view bytes) { return stream == 2 || write_all(STDOUT_FILENO, bytes); };
  return guest_session(runner, request, streams);
}

Status check_user(const std::string& user) {
  const bool fine = !user.empty() && user[0] != '-' && user.size() <= 64 && std::all_of(user.begin(), user.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  });
  if (fine) return {};
  return Error{Code::invalid_argument, "--login: \"" + said(user) + "\" is no user's name; give letters, digits, _ - and ."};
}

Result<int> become_ssh(const SshOptions& options, const std::string& config) {
  std::vector<std::string> words = {"ssh", "-F", config};
  if (options.tty) words.emplace_back("-t");
  words.push_back(options.name);
  if (!options.command.empty()) words.emplace_back("--");
  words.insert(words.end(), options.command.begin(), options.command.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::cout.flush();
  execvp(argv[0], argv.data());
  return Error{Code::not_found, std::string("ssh: ") + std::strerror(errno) + "; install openssh-client"};
}

// As this program was called, for ssh calls it from wherever it is itself.
std::vector<std::string> way_through(Context& context, const Config& config, const std::string& vm) {
  std::error_code ignored;
  const GlobalOptions& given = context.globals();
  std::vector<std::string> words = {own_path(), "--home", config.home};
  const auto pass_on = [&words](const char* option, const std::string& value) {
    if (!value.empty()) words.insert(words.end(), {option, value});
  };
  const auto whole = [&ignored](const std::string& path) { return path.empty() ? path : std::filesystem::absolute(path, ignored).string(); };
  pass_on("--config", whole(given.config));
  pass_on("--orchestrator", given.orchestrator);
  pass_on("--kubeconfig", whole(given.kubeconfig));
  pass_on("--context", given.kube_context);
  pass_on("--namespace", given.kube_namespace);
  words.insert(words.end(), {"ssh", "--through", vm});
  return words;
}

Result<int> ssh(Context& context, const SshOptions& options) {
  if (auto fine = check_user(options.user); !fine) return fine.error();
  auto vm = find_vm(context, options.name);
  if (!vm) return vm.error();
  if (!vm->spec.ssh) {
    return Error{Code::refused, options.name + ": enableSSH is false in its spec; neonvm exec and neonvm console need no SSH"};
  }
  auto config = context.config();
  if (!config) return config.error();
  const SshFolder folder(ssh_folder_of(vm->object, (*config)->home, context.remote_control_plane()), options.name);
  const std::vector<std::string> through = way_through(context, **config, options.name);
  if (options.print_config) {
    if (auto key = folder.own_key(); !key) return key.error();
    std::cout << folder.config_text(options.user, through);
    return 0;
  }
  auto endpoint = runner_reach(context, *vm);
  if (!endpoint) return endpoint.error();
  // Each time: a guest that has booted anew has a new key.
  if (auto known = introduce(*endpoint, folder); !known) return known.error().at(options.name);
  if (options.through) return carry(*endpoint);
  if (auto written = folder.configure(options.user, through); !written) return written.error();
  return become_ssh(options, folder.config_path());
}

}  // namespace

Command ssh_command() {
  return {"ssh", "VMs", "A shell or a command in a guest by SSH; needs no port and no network", [](Options& o) {
            auto options = std::make_shared<SshOptions>();
            o.positional("name", options->name, "vm", "Name of the VM");
            o.text("-l,--login", options->user, "USER", "Log in as that user of the guest");
            o.flag("-t,--tty", options->tty, "With a terminal for the command, too");
            o.flag("--print-config", options->print_config, "Print a configuration for ssh, scp, rsync and others instead");
            o.flag("--through", options->through, "Carry an SSH connection on standard input and output (ssh runs this)");
            o.rest("command", options->command, "The command, after --");
            o.example("neonvm ssh web");
            o.example("neonvm ssh web -- uptime");
            o.example("neonvm ssh --print-config web > web.ssh && scp -F web.ssh motd web:/etc/");
            return [options](Context& context) { return ssh(context, *options); };
          }};
}

}  // namespace neonvm::cli
