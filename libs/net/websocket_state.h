// What the operations of a WebSocket share. Heavy: Beast's headers; each kind of operation is in a file of
// its own, because each costs the compiler seconds. Inside net only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "net/stream.h"
#include "net/websocket.h"

namespace kachery {

// A connection as Beast's operations share it: each owns it until it has ended.
struct Link {
  std::shared_ptr<Stream> stream;                         // Owned by a server's connection, too.
  std::chrono::steady_clock::time_point heard_at = {};    // When bytes last came.
  std::chrono::steady_clock::time_point written_at = {};  // When bytes last went.
};

// Our Stream as Beast wants one (AsyncStream).
class LinkStream {
 public:
  using executor_type = boost::asio::io_context::executor_type;

  LinkStream(boost::asio::io_context& context, std::shared_ptr<Link> link)
      : executor_(context.get_executor()), link_(std::move(link)) {}

  executor_type get_executor() const noexcept { return executor_; }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    const auto start = [link = link_](auto handler, const Buffers& into) {
      boost::asio::mutable_buffer first;
      for (auto buffer = boost::asio::buffer_sequence_begin(into);
           buffer != boost::asio::buffer_sequence_end(into); ++buffer)
        if (first.size() == 0) first = *buffer;
      auto done = [link, handler = std::move(handler)](IoOutcome outcome) mutable {
        link->heard_at = std::chrono::steady_clock::now();
        if (!outcome.error && outcome.bytes == 0) outcome.error = boost::asio::error::eof;
        std::move(handler)(outcome.error, outcome.bytes);
      };
      link->stream->start_read({static_cast<std::byte*>(first.data()), first.size()}, std::move(done));
    };
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(start, token,
                                                                                            buffers);
  }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    const auto start = [link = link_](auto handler, const Buffers& from) {
      Pieces pieces;
      std::size_t count = 0;
      for (auto it = boost::asio::buffer_sequence_begin(from); it != boost::asio::buffer_sequence_end(from);
           ++it) {
        const boost::asio::const_buffer buffer = *it;
        if (buffer.size() == 0 || count == pieces.size()) continue;
        pieces.at(count++) = {static_cast<const std::byte*>(buffer.data()), buffer.size()};
      }
      auto done = [link, handler = std::move(handler)](IoOutcome outcome) mutable {
        link->written_at = std::chrono::steady_clock::now();
        std::move(handler)(outcome.error, outcome.bytes);
      };
      link->stream->start_write(pieces, std::move(done));
    };
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(start, token,
                                                                                            buffers);
  }

  // Beast finds these two by their names.
  friend void beast_close_socket(LinkStream& stream) { stream.link_->stream->abort(); }
  template <class Handler>
  friend void async_teardown(boost::beast::role_type, LinkStream& stream, Handler&& handler) {
    // Whether that succeeds says nothing of why it ends.
    auto done = [link = stream.link_, handler = std::decay_t<Handler>(std::forward<Handler>(handler))](
                    IoOutcome) mutable { std::move(handler)(boost::system::error_code()); };
    stream.link_->stream->start_shut_down(std::move(done));
  }

 private:
  executor_type executor_;
  std::shared_ptr<Link> link_;
};

struct WebSocket::State {
  State(Loop& used, std::shared_ptr<Link> given, const WebSocketLimits& limits);

  Error error_of(boost::system::error_code error) const;
  // While nobody waits for the peer, its silence says nothing.
  bool is_silent() const;

  Loop& loop;
  std::shared_ptr<Link> link;
  boost::beast::websocket::stream<LinkStream, false> socket;
  boost::beast::flat_buffer buffer;
  std::chrono::milliseconds ping_time;
  std::chrono::milliseconds silence_max;
  bool is_receiving = false;
  bool is_sending = false;
  bool is_pinging = false;
  bool is_dead = false;
  bool has_ended = false;
};

// Keeps it alive from now on.
std::unique_ptr<WebSocket> begin(const std::shared_ptr<WebSocket::State>& state);

}  // namespace kachery
