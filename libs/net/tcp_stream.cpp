#include "net/tcp_stream.h"

#include <poll.h>

namespace kachery {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// Asio says the end with an error of its own.
IoOutcome outcome_of(error_code error, std::size_t bytes) {
  if (error == asio::error::eof) return {{}, 0};
  return {error, bytes};
}

class TcpStream final : public Stream {
 public:
  explicit TcpStream(asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}

  void start_handshake(WhenDone done) override { finish(std::move(done)); }

  void start_read(std::span<std::byte> into, WhenDone done) override {
    socket_.async_read_some(asio::buffer(into.data(), into.size()),
                            [done = std::move(done)](error_code error, std::size_t bytes) mutable {
                              done(outcome_of(error, bytes));
                            });
  }

  void start_write(const Pieces& pieces, WhenDone done) override {
    std::array<asio::const_buffer, 3> buffers;
    for (std::size_t i = 0; i < pieces.size(); ++i)
      buffers.at(i) = asio::buffer(pieces.at(i).data(), pieces.at(i).size());
    socket_.async_write_some(buffers, [done = std::move(done)](error_code error, std::size_t bytes) mutable {
      done({error, bytes});
    });
  }

  void start_shut_down(WhenDone done) override {
    error_code ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    finish(std::move(done));
  }

  void start_discard(std::span<std::byte> into, WhenDone done) override { start_read(into, std::move(done)); }

  void cancel() override {
    error_code ignored;
    socket_.cancel(ignored);
  }

  void abort() override { abort_socket(socket_); }
  bool is_connected() const override { return is_socket_connected(socket_); }

 private:
  void finish(WhenDone done) {
    asio::post(socket_.get_executor(), [done = std::move(done)] mutable { done({}); });
  }

  mutable asio::ip::tcp::socket socket_;
};

}  // namespace

std::unique_ptr<Stream> make_tcp_stream(asio::ip::tcp::socket socket) {
  return std::make_unique<TcpStream>(std::move(socket));
}

// The kernel says so even while bytes that were sent before the end are still to be read.
bool is_socket_connected(asio::ip::tcp::socket& socket) {
  if (!socket.is_open()) return false;
  pollfd asked{.fd = socket.native_handle(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&asked, 1, 0) == 0;
}

// A reset, where the peer might take an ordinary end for the whole.
void abort_socket(asio::ip::tcp::socket& socket) {
  error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

}  // namespace kachery
