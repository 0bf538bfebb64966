// With programs of the test's own in the places of sshd and its friends.
#include "guest/ssh_server.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "guest/socket_pump.hpp"
#include "tests/guest/support.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::guest;

namespace {

const std::string key_body(60, 'A');
const std::string own = "ssh-ed25519 " + std::string(60, 'B') + " me@desk";

struct Guest {
  TempDir dir;
  SshPlace place{dir.path(), "/run/neonvm/ssh"};

  void program(const std::string& name, const std::string& script) const {
    dir.write("usr/bin/" + name, "#!/bin/sh\n" + script);
    ::chmod(dir.path("usr/bin/" + name).c_str(), 0755);
  }
  void openssh() const {
    program("sshd", "exit 0\n");
    // Made anew at each call with another key, as the real one would.
    program("ssh-keygen",
            "if [ \"$1\" = -y ]; then cat \"$3\"; exit; fi\nwhile [ \"$1\" != -f ]; do shift; done\n"
            "echo \"ssh-ed25519 " + key_body + "$$ x\" | tr -d ' ' >/dev/null; echo \"ssh-ed25519 " + key_body + "$$ neonvm\" > \"$2\"\n");
  }
  [[nodiscard]] mode_t mode(const std::string& name) const {
    struct stat facts {};
    ::stat(dir.path(name).c_str(), &facts);
    return facts.st_mode & 0777U;
  }
};

}  // namespace

TEST_CASE("a guest without a server says what to do") {
  const Guest guest;
  const auto refused = prepare_ssh(own, guest.place);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::not_found);
  CHECK(refused.error().message.find("openssh-server") != std::string::npos);
  CHECK(refused.error().message.find("neonvm exec") != std::string::npos);
  CHECK_FALSE(serve_ssh(guest.place));
}

TEST_CASE("a host key is made once, and the user's key is let in") {
  const Guest guest;
  guest.openssh();
  const auto first = prepare_ssh(own + "\n", guest.place);
  REQUIRE(first);
  CHECK(first->starts_with("ssh-ed25519 " + key_body));
  CHECK(first->find("neonvm") == std::string::npos);  // without its comment
  CHECK(*prepare_ssh(own, guest.place) == *first);
  CHECK(guest.dir.read("run/neonvm/ssh/authorized_keys") == own + "\n");
  CHECK(guest.mode("run/neonvm/ssh/authorized_keys") == 0644);
  CHECK(guest.mode("run/neonvm/ssh") == 0711);
  CHECK(guest.dir.read("run/neonvm/ssh/sshd_config").find("PasswordAuthentication no") != std::string::npos);
}

TEST_CASE("the keys of several users are let in side by side, and each stands there once") {
  const Guest guest;
  guest.openssh();
  const std::string other = "ssh-ed25519 " + std::string(60, 'C') + " somebody";
  for (const std::string& key : {own, other, own}) REQUIRE(prepare_ssh(key, guest.place));
  CHECK(guest.dir.read("run/neonvm/ssh/authorized_keys") == other + "\n" + own + "\n");
  for (int i = 0; i < 100; ++i) REQUIRE(prepare_ssh("ssh-ed25519 " + std::string(60, 'D') + std::to_string(1000 + i), guest.place));
  const std::string all = guest.dir.read("run/neonvm/ssh/authorized_keys");
  CHECK(std::count(all.begin(), all.end(), '\n') == 64);
  CHECK(all.find("1099") != std::string::npos);
}

TEST_CASE("what is no key is let in nowhere") {
  const Guest guest;
  guest.openssh();
  for (const std::string& odd : {std::string(), std::string("ssh-ed25519"), own + "\n" + own, "command=\"x\" " + own,
                                 "ssh-ed25519 " + std::string(60, '$'), own + std::string(10000, 'x')}) {
    INFO(odd.substr(0, 80));
    const auto refused = prepare_ssh(odd, guest.place);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::invalid_argument);
  }
  CHECK_FALSE(guest.dir.has("run/neonvm/ssh/authorized_keys"));
}

TEST_CASE("a keygen that fails is told") {
  const Guest guest;
  guest.openssh();
  guest.program("ssh-keygen", "exit 3\n");
  const auto refused = prepare_ssh(own, guest.place);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("exit code 3") != std::string::npos);
}

TEST_CASE("dropbear is let know the key where it looks, beside those that are there") {
  const Guest guest;
  guest.program("dropbear", "exit 0\n");
  guest.program("dropbearkey",
                "if [ \"$1\" = -y ]; then echo 'Public key portion is:'; cat \"$3\"; echo 'Fingerprint: x'; exit; fi\n"
                "while [ \"$1\" != -f ]; do shift; done\necho \"ssh-ed25519 " + key_body + " root@x\" > \"$2\"\n");
  guest.dir.write("root/.ssh/authorized_keys", "ssh-rsa somebody");
  const auto key = prepare_ssh(own, guest.place);
  REQUIRE(key);
  CHECK(*key == "ssh-ed25519 " + key_body);
  REQUIRE(prepare_ssh(own, guest.place));
  CHECK(guest.dir.read("root/.ssh/authorized_keys") == "ssh-rsa somebody\n" + own + "\n");
}

TEST_CASE("bytes go both ways until the socket ends") {
  int in[2], out[2], sockets[2];
  REQUIRE(::pipe(in) == 0);
  REQUIRE(::pipe(out) == 0);
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
  std::thread server([far = sockets[1]] {
    char bytes[16];
    std::string all;
    for (ssize_t n = 0; (n = ::read(far, bytes, sizeof bytes)) > 0;) all.append(bytes, static_cast<std::size_t>(n));
    all = "heard " + all;
    (void)!::write(far, all.data(), all.size());
    ::close(far);
  });
  (void)!::write(in[1], "hello", 5);
  ::close(in[1]);
  pump(in[0], out[1], sockets[0]);
  server.join();
  char bytes[32];
  const ssize_t n = ::read(out[0], bytes, sizeof bytes);
  CHECK(std::string(bytes, static_cast<std::size_t>(std::max<ssize_t>(n, 0))) == "heard hello");
  for (const int fd : {in[0], out[0], out[1], sockets[0]}) ::close(fd);
}
