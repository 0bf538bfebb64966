#include "core/runtime/ssh_key.hpp"

#include <sys/stat.h>

#include <cstdlib>

#include "tests/core/runtime/temp_dir.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::runtime;

TEST_CASE("an SSH key is one that OpenSSH reads, signs with and believes") {
  if (std::system("command -v ssh-keygen > /dev/null") != 0) return;  // what follows is its word
  const SshKeyPair pair = make_ssh_key("neonvm-prod/web").value();
  const TempDir folder;
  const std::string key = folder / "id", said = folder / "said", text = folder / "text";
  write_file(key, pair.private_key);
  REQUIRE(::chmod(key.c_str(), 0600) == 0);
  REQUIRE(std::system(("ssh-keygen -y -f " + key + " > " + said).c_str()) == 0);
  CHECK(file_text(said) == pair.public_key);
  // Of what is only the private half ssh-keygen -y says nothing.
  write_file(text, "something\n");
  write_file(folder / "allowed", "somebody " + pair.public_key);
  REQUIRE(std::system(("ssh-keygen -q -Y sign -n test -f " + key + " " + text + " 2> /dev/null").c_str()) == 0);
  CHECK(std::system(("ssh-keygen -q -Y verify -n test -I somebody -f " + (folder / "allowed") + " -s " + text + ".sig < " + text).c_str()) == 0);
}

TEST_CASE("no two SSH keys are the same, and their comment is one line") {
  const SshKeyPair one = make_ssh_key("").value(), other = make_ssh_key("").value();
  CHECK(one.public_key != other.public_key);
  CHECK(one.private_key != other.private_key);
  CHECK(one.public_key.find("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5") == 0);
  CHECK_FALSE(make_ssh_key("a\nssh-ed25519 evil").ok());
}
