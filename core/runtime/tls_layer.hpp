// tls_layer: one TLS connection over a socket. Private to the runtime's tls.
//
// OpenSSL reads and writes the socket itself, so that between two of its bytes a connection has no buffer: a control plane holds ten
// thousand that are silent. One read and one write at a time, on the thread of the socket's io_context; the socket, and whoever
// holds the layer, outlive what is under way. Failure: eof when the peer ended the connection in order, stream_truncated when it
// merely went, operation_aborted when the socket was closed here, else what OpenSSL or the system says.
#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "core/runtime/tls.hpp"

namespace neonvm::runtime {

// ssl: a fresh one that knows what to expect of its peer, and now belongs to the layer. context: kept for as long.
std::unique_ptr<TlsLayer> tls_layer(Socket& socket, SSL* ssl, bool server, std::shared_ptr<const void> context);

}  // namespace neonvm::runtime
