// Certificates: a CA of its own and what it signed, in QEMU's layout: ca-cert.pem, {server,client}-{cert,key}.pem.
//
// Made with openssl(1) in `folder`; the server's is for 127.0.0.1 and "vm.test". Fails the test when it cannot.
#pragma once

#include <string>

namespace neonvm::qemu {

void make_certificates(const std::string& folder);

}  // namespace neonvm::qemu
