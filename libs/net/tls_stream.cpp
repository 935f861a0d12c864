#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "net/tcp_stream.h"

namespace kachery {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

class TlsStream final : public Stream {
 public:
  TlsStream(asio::ip::tcp::socket socket, std::shared_ptr<TlsContext> context)
      : context_(std::move(context)), stream_(std::move(socket), *context_) {}

  void start_handshake(WhenDone done) override {
    stream_.async_handshake(asio::ssl::stream_base::server,
                            [done = std::move(done)](error_code error) mutable { done({error, 0}); });
  }

  // An end without TLS's own farewell may have been made by somebody in between; it stays an error.
  void start_read(std::span<std::byte> into, WhenDone done) override {
    stream_.async_read_some(asio::buffer(into.data(), into.size()),
                            [done = std::move(done)](error_code error, std::size_t bytes) mutable {
                              if (error == asio::error::eof) return done({});
                              done({error, bytes});
                            });
  }

  // A record at a time: of the first piece that is not empty.
  void start_write(const Pieces& pieces, WhenDone done) override {
    ByteView first;
    for (const ByteView piece : pieces) {
      if (first.empty()) first = piece;
    }
    stream_.async_write_some(
        asio::buffer(first.data(), first.size()),
        [done = std::move(done)](error_code error, std::size_t bytes) mutable { done({error, bytes}); });
  }

  void start_shut_down(WhenDone done) override {
    stream_.async_shutdown([this, done = std::move(done)](error_code error) mutable {
      error_code ignored;
      stream_.next_layer().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
      done({error, 0});
    });
  }

  void start_discard(std::span<std::byte> into, WhenDone done) override {
    stream_.next_layer().async_read_some(
        asio::buffer(into.data(), into.size()),
        [done = std::move(done)](error_code error, std::size_t bytes) mutable { done({error, bytes}); });
  }

  void cancel() override {
    error_code ignored;
    stream_.next_layer().cancel(ignored);
  }

  void abort() override { abort_socket(stream_.next_layer()); }
  bool is_connected() const override { return is_socket_connected(stream_.next_layer()); }

 private:
  std::shared_ptr<TlsContext> context_;  // Shared by the connections of a listener.
  mutable asio::ssl::stream<asio::ip::tcp::socket> stream_;
};

}  // namespace

Result<std::shared_ptr<TlsContext>> make_server_tls(const TlsIdentity& identity) {
  auto context = std::make_shared<TlsContext>(TlsContext::tls_server);
  error_code error;
  const auto unusable = [&](const char* what) {
    return fail(Code::invalid, std::string("the ") + what + " for TLS cannot be used: " + error.message() +
                                   "; it must be PEM, and fit the other");
  };
  const std::string& chain = identity.certificate_chain;
  const std::string_view key = identity.private_key.text();
  context->use_certificate_chain(asio::buffer(chain), error);
  if (error) return unusable("certificate");
  context->use_private_key(asio::buffer(key.data(), key.size()), TlsContext::pem, error);
  if (error) return unusable("private key");
  SSL_CTX* const raw = context->native_handle();
  KACHERY_ASSERT(SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION) == 1);
  // Of TLS 1.2 what has forward secrecy and authenticates; TLS 1.3 has nothing else.
  KACHERY_ASSERT(SSL_CTX_set_cipher_list(raw, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);  // Connections that are idle hold no buffers.
  return context;
}

std::unique_ptr<Stream> make_tls_stream(asio::ip::tcp::socket socket, std::shared_ptr<TlsContext> tls) {
  return std::make_unique<TlsStream>(std::move(socket), std::move(tls));
}

}  // namespace kachery
