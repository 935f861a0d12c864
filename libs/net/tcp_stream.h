// Streams over a connected socket. Heavy: Asio's headers.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <optional>
#include <string>

#include "core/error.h"
#include "net/server.h"
#include "net/stream.h"

namespace boost::asio::ssl {
class context;
}

namespace kachery {

using TlsContext = boost::asio::ssl::context;

std::unique_ptr<Stream> make_tcp_stream(boost::asio::ip::tcp::socket socket);

// The server's side of TLS, 1.2 or later. Code::invalid if the certificate and the key cannot be used.
Result<std::shared_ptr<TlsContext>> make_server_tls(const TlsIdentity& identity);
std::unique_ptr<Stream> make_tls_stream(boost::asio::ip::tcp::socket socket, std::shared_ptr<TlsContext> tls);

// What a client trusts, and found out.
struct ServerTrust {
  std::optional<std::string> pin = {};      // None: the system's certificate authorities.
  std::optional<std::string> refusal = {};  // Why the certificate is not the right one; none: it is, as yet.
};

// The client's side. `host` is a name, or an address without brackets. Code::internal if TLS cannot be used
// at all.
Result<std::unique_ptr<Stream>> make_tls_client_stream(boost::asio::ip::tcp::socket socket,
                                                       const std::string& host,
                                                       std::shared_ptr<ServerTrust> trust);

// Both use these below.
bool is_socket_connected(boost::asio::ip::tcp::socket& socket);
void abort_socket(boost::asio::ip::tcp::socket& socket);

}  // namespace kachery
