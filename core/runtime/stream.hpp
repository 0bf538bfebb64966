// Stream: a connected byte stream, Unix, TCP or TLS, as one type, so that HTTP and WebSocket are instantiated once.
//
// Private to the runtime; satisfies Beast's AsyncStream. One read and one write at a time, all on the io_context's thread.
// close(), or the destructor, ends what is under way with operation_aborted.
#pragma once

#include <array>
#include <boost/asio/async_result.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "core/runtime/address.hpp"
#include "core/runtime/unique_fd.hpp"

namespace neonvm::runtime {

namespace asio = boost::asio;
using boost::system::error_code;
using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>;

// A completion handler of any type. Move-only, called at most once.
class Completion {
 public:
  template <typename Handler>
  explicit Completion(Handler handler) : held_(std::make_unique<Holding<Handler>>(std::move(handler))) {}
  void operator()(error_code error, std::size_t bytes) { std::exchange(held_, nullptr)->call(error, bytes); }

 private:
  struct Held {
    virtual ~Held() = default;
    virtual void call(error_code error, std::size_t bytes) = 0;
  };
  template <typename Handler>
  struct Holding final : Held {
    explicit Holding(Handler h) : handler(std::move(h)) {}
    void call(error_code error, std::size_t bytes) override { std::move(handler)(error, bytes); }
    Handler handler;
  };
  std::unique_ptr<Held> held_;
};

class TlsContext;

class Stream {
 public:
  using executor_type = asio::io_context::executor_type;

  // Takes a connected, non-blocking socket of that address family.
  Stream(asio::io_context& io, UniqueFd fd, int family);
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

  // Everything is encrypted from now on. `done` gets why not, or nothing.
  void start_tls(const TlsContext& context, std::function<void(std::string why)> done);
  [[nodiscard]] Socket& socket();
  // Bytes to be read before those of the socket.
  void put_back(std::string bytes);

  [[nodiscard]] executor_type get_executor();
  // Bytes so far, to see whether a slow peer moves at all.
  [[nodiscard]] std::uint64_t received() const;
  [[nodiscard]] std::uint64_t sent() const;
  void shutdown_send();
  void close();
  // Gives the connection away without ending it; what is under way here ends as by close().
  [[nodiscard]] UniqueFd release();

  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const Buffers& into) {
          asio::mutable_buffer first;
          for (auto it = asio::buffer_sequence_begin(into); it != asio::buffer_sequence_end(into) && first.size() == 0;) {
            first = asio::mutable_buffer(*it++);
          }
          read(first, Completion(std::move(handler)));
        },
        token, buffers);
  }

  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const Buffers& from) {
          Gather gather;
          for (auto it = asio::buffer_sequence_begin(from); it != asio::buffer_sequence_end(from); ++it) {
            if (!gather.add(asio::const_buffer(*it))) break;
          }
          write(gather, Completion(std::move(handler)));
        },
        token, buffers);
  }

 private:
  // The head of a buffer sequence, and one itself: as much as one system call takes with profit.
  struct Gather {
    using value_type = asio::const_buffer;
    using const_iterator = const asio::const_buffer*;
    [[nodiscard]] const_iterator begin() const { return buffers.data(); }
    [[nodiscard]] const_iterator end() const { return buffers.data() + count; }
    bool add(asio::const_buffer buffer) {
      if (buffer.size() > 0) buffers[count++] = buffer;
      return count < buffers.size();
    }
    std::array<asio::const_buffer, 8> buffers;
    std::size_t count = 0;
  };
  struct Core;

  void read(asio::mutable_buffer into, Completion done);
  void write(const Gather& from, Completion done);

  std::shared_ptr<Core> core_;
};

}  // namespace neonvm::runtime
