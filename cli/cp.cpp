// neonvm cp: a file into a guest or out of it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/guest_session.hpp"

namespace neonvm::cli {

namespace {

struct CopyOptions {
  std::string from, to;
};

struct Place {
  std::string vm, path;  // vm empty: here
};

// "web:/etc/motd" is in a guest; "./a:b" and "/a:b" are here.
Place place_of(const std::string& text) {
  const auto colon = text.find(':');
  const auto slash = text.find('/');
  if (colon == std::string::npos || (slash != std::string::npos && slash < colon)) return {"", text};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

std::string base_name(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

std::string errno_text(const std::string& path) { return path + ": " + std::strerror(errno); }

Result<RunnerReach> endpoint_of(Context& context, const std::string& name) {
  auto vm = find_vm(context, name);
  if (!vm) return vm.error();
  return runner_reach(context, *vm);
}

Result<int> put(Context& context, const std::string& file, Place to) {
  auto endpoint = endpoint_of(context, to.vm);
  if (!endpoint) return endpoint.error();
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (fd < 0 || fstat(fd, &info) != 0) return Error{Code::not_found, errno_text(file)};
  if (!S_ISREG(info.st_mode)) {
    close(fd);
    return Error{Code::invalid_argument, file + ": is not a plain file; pack a directory first (tar)"};
  }
  wire::ExecRequest request;
  request.op = "put";
  request.path = to.path.empty() || to.path.back() == '/' ? to.path + base_name(file) : to.path;
  request.mode = info.st_mode & 0777U;
  GuestStreams streams;
  streams.input = fd;
  streams.output = [](int, std::string_view) { return true; };
  auto done = guest_session(*endpoint, request, streams);
  close(fd);
  return done;
}

// Written beside the target and renamed at the end: an interrupted copy leaves the old file as it was.
Result<int> get(Context& context, const Place& from, std::string file) {
  auto endpoint = endpoint_of(context, from.vm);
  if (!endpoint) return endpoint.error();
  struct stat info {};
  if (stat(file.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) file += "/" + base_name(from.path);
  std::string part = file + ".XXXXXX";
  const int fd = mkostemp(part.data(), O_CLOEXEC);
  if (fd < 0) return Error{Code::permission_denied, errno_text(file)};
  wire::ExecRequest request;
  request.op = "get";
  request.path = from.path;
  std::string wrong;
  GuestStreams streams;
  streams.output = [&](int, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = write(fd, bytes.data(), bytes.size());
      if (n < 0) {
        wrong = errno_text(part);
        return false;
      }
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  };
  auto done = guest_session(*endpoint, request, streams);
  close(fd);
  if (done && rename(part.c_str(), file.c_str()) == 0) return done;
  if (done) wrong = errno_text(file);
  unlink(part.c_str());
  if (!wrong.empty()) return Error{Code::internal, wrong};
  return done.error();
}

Result<int> copy(Context& context, const CopyOptions& options) {
  const Place from = place_of(options.from), to = place_of(options.to);
  if (from.vm.empty() == to.vm.empty()) {
    return Error{Code::invalid_argument, "one of the two is in a VM: neonvm cp FILE NAME:PATH, or neonvm cp NAME:PATH FILE"};
  }
  const std::string& guest_path = from.vm.empty() ? to.path : from.path;
  if (guest_path.empty() || guest_path[0] != '/') {
    return Error{Code::invalid_argument, "\"" + guest_path + "\": a path in a guest begins with /"};
  }
  return from.vm.empty() ? put(context, from.path, to) : get(context, from, to.path);
}

}  // namespace

Command cp_command() {
  return {"cp", "VMs", "Copy a file into a guest or out of it", [](Options& o) {
            auto options = std::make_shared<CopyOptions>();
            o.positional("from", options->from, "file", "FILE or NAME:/path");
            o.positional("to", options->to, "file", "NAME:/path or FILE");
            o.example("neonvm cp motd web:/etc/motd");
            o.example("neonvm cp web:/var/log/app.log .");
            return [options](Context& context) { return copy(context, *options); };
          }};
}

}  // namespace neonvm::cli
