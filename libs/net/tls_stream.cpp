
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "crypto/certificate.h"
#include "net/tcp_stream.h"

namespace kachery {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

class TlsStream final : public Stream {
 public:
  using Side = asio::ssl::stream_base::handshake_type;

  TlsStream(asio::ip::tcp::socket socket, std::shared_ptr<TlsContext> context, Side side)
      : context_(std::move(context)), stream_(std::move(socket), *context_), side_(side) {}

  SSL* handle() { return stream_.native_handle(); }
  // What is looked at during the handshake.
  void keep(std::shared_ptr<ServerTrust> trust) { trust_ = std::move(trust); }

  void start_handshake(WhenDone done) override {
    stream_.async_handshake(side_, [done = std::move(done)](error_code error) mutable { done({error, 0}); });
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
  const Side side_;
  std::shared_ptr<ServerTrust> trust_;  // Of a client; owned by whoever asks for the handshake, too.
};

// Of what TLS 1.2 offers only what has forward secrecy and authenticates; TLS 1.3 has nothing else.
void be_strict(SSL_CTX* context) {
  KACHERY_ASSERT(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1);
  KACHERY_ASSERT(SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);  // Connections that are idle hold no buffers.
}

std::string fingerprint_of(X509* certificate) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), &BIO_free);
  KACHERY_ASSERT(memory != nullptr && PEM_write_bio_X509(memory.get(), certificate) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return certificate_fingerprint({text, static_cast<std::size_t>(size)}).value_or("unknown");
}

// OpenSSL asks whether it is the right server: 1 is yes. (SSL_CTX_set_cert_verify_callback(3))
int judge(X509_STORE_CTX* chain, void* argument) {
  ServerTrust& trust = *static_cast<ServerTrust*>(argument);
  if (!trust.pin) {
    if (X509_verify_cert(chain) == 1) return 1;
    trust.refusal = std::string("its certificate is not trusted (") +
                    X509_verify_cert_error_string(X509_STORE_CTX_get_error(chain)) +
                    "). If the hub made it itself, use the address that it shows when it starts, which ends "
                    "with #FINGERPRINT; else see whether the package ca-certificates is installed";
    return 0;
  }
  const std::string found = fingerprint_of(X509_STORE_CTX_get0_cert(chain));
  if (found == *trust.pin) {
    X509_STORE_CTX_set_error(chain, X509_V_OK);
    return 1;
  }
  trust.refusal = "its key has the fingerprint " + found + ", where " + *trust.pin +
                  " was expected. Either the hub has a new certificate, then ask whoever runs it for the new "
                  "address; or somebody else answers in its place";
  X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

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
  be_strict(context->native_handle());
  SSL_CTX_set_options(context->native_handle(), SSL_OP_CIPHER_SERVER_PREFERENCE);
  return context;
}

std::unique_ptr<Stream> make_tls_stream(asio::ip::tcp::socket socket, std::shared_ptr<TlsContext> tls) {
  return std::make_unique<TlsStream>(std::move(socket), std::move(tls), asio::ssl::stream_base::server);
}

Result<std::unique_ptr<Stream>> make_tls_client_stream(asio::ip::tcp::socket socket, const std::string& host,
                                                       std::shared_ptr<ServerTrust> trust) {
  const auto context = std::make_shared<TlsContext>(TlsContext::tls_client);  // Owned by the stream.
  SSL_CTX* const raw = context->native_handle();
  be_strict(raw);
  error_code error;
  if (!trust->pin) context->set_default_verify_paths(error);
  if (error)
    return fail(Code::internal, "the system's certificate authorities cannot be read: " + error.message() +
                                    "; see whether the package ca-certificates is installed");
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(raw, judge, trust.get());
  auto stream = std::make_unique<TlsStream>(std::move(socket), context, asio::ssl::stream_base::client);
  asio::ip::make_address(host, error);
  const bool is_name = error.failed();
  // A name is told to the server (RFC 6066 section 3); an address must not be.
  X509_VERIFY_PARAM* const expected = SSL_get0_param(stream->handle());
  if (is_name) {
    KACHERY_ASSERT(X509_VERIFY_PARAM_set1_host(expected, host.c_str(), host.size()) == 1);
    KACHERY_ASSERT(SSL_set_tlsext_host_name(stream->handle(), host.c_str()) == 1);
  } else {
    KACHERY_ASSERT(X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str()) == 1);
  }
  stream->keep(std::move(trust));
  return stream;
}

}  // namespace kachery
