// neonvm-image-door: holds the disk of a VM's image open for the runner beside it in the pod, so that nobody copies it.
//
//   neonvm-image-door --copy PATH        puts itself there (from the runner's image, for a container of the VM's image)
//   neonvm-image-door --copy FILE PATH   puts FILE there (the kernel of an image)
//   neonvm-image-door SOCKET DISK        hands DISK, open for reading, to whoever connects; ends when the one that has it does
//
// Static, because it runs in an image that has nothing but a disk. Ends with SIGTERM only while nobody has the disk: a pod's
// containers are all told to end at once, and the runner's guest still reads. Failure: a line on standard error, exit code 1; a
// disk that cannot be opened is told to the runner, too, by a byte without a descriptor.
#include <fcntl.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace {

int fail(const char* what) {
  std::fprintf(stderr, "neonvm-image-door: %s: %s\n", what, std::strerror(errno));
  return 1;
}

int copy_to(const char* path, const char* source = "/proc/self/exe") {
  const int from = ::open(source, O_RDONLY | O_CLOEXEC);
  if (from < 0) return fail(source);
  const int to = ::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
  if (to < 0) return fail(path);
  struct stat size {};
  if (::fstat(from, &size) != 0) return fail(path);
  for (off_t at = 0; at < size.st_size;) {
    if (::sendfile(to, from, &at, static_cast<std::size_t>(size.st_size - at)) <= 0) return fail(path);
  }
  return ::close(to) == 0 ? 0 : fail(path);
}

int listen_at(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (std::strlen(path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  std::strcpy(address.sun_path, path);
  ::unlink(path);
  const int door = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (door < 0 || ::bind(door, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(door, 4) != 0) return -1;
  return door;
}

bool hand_over(int peer, int disk) {
  char byte = 'd';
  iovec part{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (disk >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &disk, sizeof disk);
  }
  return ::sendmsg(peer, &message, MSG_NOSIGNAL) == 1;
}

void await_end(int peer) {
  std::array<char, 64> waste{};
  ssize_t n = 0;
  do {
    n = ::read(peer, waste.data(), waste.size());
  } while (n > 0 || (n < 0 && errno == EINTR));
}

int serve(const char* path, const char* disk_path) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
  const int signals = ::signalfd(-1, &ends, SFD_CLOEXEC);
  const int disk = ::open(disk_path, O_RDONLY | O_CLOEXEC);
  if (disk < 0) fail(disk_path);
  const int door = listen_at(path);
  if (door < 0 || signals < 0) return fail(path);
  while (true) {
    std::array<pollfd, 2> wait{pollfd{door, POLLIN, 0}, pollfd{signals, POLLIN, 0}};
    if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) return fail("poll");
    if (wait[1].revents != 0) return 0;
    if (wait[0].revents == 0) continue;
    const int peer = ::accept4(door, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0) continue;
    const bool has_it = hand_over(peer, disk);
    if (has_it) await_end(peer);
    ::close(peer);
    if (has_it) return disk < 0 ? 1 : 0;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool copies = argc > 1 && std::strcmp(argv[1], "--copy") == 0;
  if (argc != 3 && !(copies && argc == 4)) {
    std::fputs("usage: neonvm-image-door --copy [FILE] PATH | SOCKET DISK\n", stderr);
    return 2;
  }
  if (argc == 4) return copy_to(argv[3], argv[2]);
  return copies ? copy_to(argv[2]) : serve(argv[1], argv[2]);
}
