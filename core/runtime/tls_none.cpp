#include "core/runtime/tls.hpp"

namespace neonvm::runtime {

namespace {

Error no_tls() { return {Code::unsupported, "this build has no TLS; use http:// or unix:"}; }

}  // namespace

Result<std::shared_ptr<const TlsContext>> tls_server(const TlsFiles&) { return no_tls(); }

Result<std::shared_ptr<const TlsContext>> tls_client(const TlsFiles&, const std::string&) { return no_tls(); }

}  // namespace neonvm::runtime
