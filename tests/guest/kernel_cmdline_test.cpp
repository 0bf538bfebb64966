#include "guest/kernel_cmdline.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm::guest;
using Words = std::vector<std::string>;

TEST_CASE("parameters as the kernel cuts them") {
  const KernelCmdline line("quiet maxcpus=1 neonvm.run=\"httpd -f -p 80\" \"neonvm.env=A=b c\" maxcpus=2 flag=\n");
  CHECK(line.find("maxcpus") == "2");
  CHECK(line.find("neonvm.run") == "httpd -f -p 80");
  CHECK(line.all("neonvm.env") == Words{"A=b c"});
  CHECK(line.find("quiet") == "");
  CHECK(line.find("flag") == "");
  CHECK_FALSE(line.find("max"));
  CHECK_FALSE(KernelCmdline("").find(""));
  CHECK(KernelCmdline("a=\"open end").find("a") == "open end");
}

TEST_CASE("switches") {
  CHECK(KernelCmdline("neonvm.upstream=1").is_on("neonvm.upstream"));
  CHECK(KernelCmdline("neonvm.upstream").is_on("neonvm.upstream"));
  CHECK_FALSE(KernelCmdline("neonvm.upstream=0").is_on("neonvm.upstream"));
  CHECK_FALSE(KernelCmdline("").is_on("neonvm.upstream"));
}

TEST_CASE("words of a command, without a shell") {
  CHECK(split_words("  httpd -f  -p 80 ") == Words{"httpd", "-f", "-p", "80"});
  CHECK(split_words("sh -c 'echo \"$HOME\"; id'") == Words{"sh", "-c", "echo \"$HOME\"; id"});
  CHECK(split_words("a\\ b \"c \\\" d\" ''") == Words{"a b", "c \" d", ""});
  CHECK(split_words("a$(id)`id`;b") == Words{"a$(id)`id`;b"});
  CHECK(split_words("'open end") == Words{"open end"});
  CHECK(split_words(" ").empty());
}
