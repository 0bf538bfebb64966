#include "tests/plugins/hypervisor-qemu/certificates.hpp"

#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/run_program.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::qemu {

void make_certificates(const std::string& folder) {
  const std::string script = R"sh(
set -e
mkdir -p "$1"; cd "$1"
key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
openssl req -x509 $key -keyout ca-key.pem -out ca-cert.pem -days 2 -subj "/CN=authority of ${1##*/}" \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
for side in server client; do
  printf 'subjectAltName=IP:127.0.0.1,DNS:vm.test\nextendedKeyUsage=%sAuth\nkeyUsage=digitalSignature\n' $side > $side.ext
  openssl req $key -keyout $side-key.pem -out $side.csr -subj /CN=$side
  openssl x509 -req -in $side.csr -CA ca-cert.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile $side.ext -out $side-cert.pem
done)sh";
  const auto end = run_program({"sh", "-c", script, "sh", folder}, clock_now() + std::chrono::seconds(60));
  REQUIRE(end.ok());
  INFO(end->output);
  REQUIRE(end->status == 0);
}

}  // namespace neonvm::qemu
