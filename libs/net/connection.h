// Connection: one peer, and its requests one after the other. Inside net only; network thread only.
#pragma once

#include <boost/intrusive/list.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "net/input_buffer.h"
#include "net/patience.h"
#include "net/request_parser.h"
#include "net/response_head.h"
#include "net/server.h"
#include "net/stream.h"

namespace kachery {

struct ServerShared;

// Counted and in its server's list while it lives. A coroutine owns it, and runs serve().
class Connection final
    : public Request,
      public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  Connection(ServerShared& server, std::unique_ptr<Stream> stream, std::string peer, bool is_tls);
  ~Connection() override;

  Task<> serve();

  // Ends waits that took too long.
  void check(TimePoint now);
  void close_if_idle();
  void cut() { stream_->abort(); }

  const RequestHead& head() const override { return head_; }
  std::optional<ByteCount> body_size() const override { return body_size_; }
  Task<Result<ByteView>> read() override;
  bool is_connected() const override { return stream_->is_connected(); }
  Task<Result<std::unique_ptr<WebSocket>>> upgrade(std::string subprotocol, WebSocketLimits limits) override;

 private:
  enum class Then : std::uint8_t { next_request, close, gone };

  Task<Then> serve_one();
  // The size of the next head; none: there is nobody who would wait for an answer.
  Task<std::optional<Parsed<std::size_t>>> await_head();
  void forget_request();
  void begin_request(ParsedHead parsed);
  void believe_proxy();
  Task<Then> refuse(Refusal refusal);
  Response refusal_response(const Refusal& refusal);

  // The next bytes of the body that have come already.
  Parsed<std::string_view> take_body();
  bool has_body_ended() const { return is_chunked_ ? chunks_.has_ended() : body_left_ == 0; }
  void skip_body_that_came();

  Task<Then> send(Response response, bool keeps_alive);
  ResponseFrame frame_of(const Response& response, bool keeps_alive) const;
  Task<bool> send_body(Body& body, ResponseFrame frame);

  // Reads more into a buffer of that size; false if nothing more comes.
  Task<bool> fill(std::size_t buffer_size);
  Task<bool> write(Pieces pieces);
  Task<> handshake();
  // Lets the peer read the answer before the connection is closed: what it still sends would make the kernel
  // throw the answer away.
  Task<> linger();

  ServerShared& server_;
  std::shared_ptr<Stream> stream_;  // Owned by this and the operations of a WebSocket.
  const std::string peer_;
  const bool is_tls_;
  Patience patience_;
  InputBuffer input_;
  std::string out_;
  bool is_first_ = true;
  bool is_idle_ = false;
  bool has_failed_ = false;  // The stream.
  bool has_timed_out_ = false;

  // Of the request that is served.
  RequestHead head_;
  int minor_version_ = 1;
  bool keeps_alive_ = false;
  bool expects_continue_ = false;
  bool is_chunked_ = false;
  bool wants_websocket_ = false;
  bool is_upgraded_ = false;
  bool reads_body_ = false;
  std::optional<ByteCount> body_size_;
  ByteCount body_left_ = 0;
  ChunkReader chunks_;
  std::optional<Refusal> body_refusal_;
};

// What a server and its connections share; owned by both.
struct ServerShared {
  explicit ServerShared(ServerParts given) : parts(std::move(given)), changed(parts.loop) {}

  void refused(const std::string& peer, Code code, std::string why) const {
    if (parts.on_refused) parts.on_refused(peer, Error{code, std::move(why)});
  }
  bool trusts(const std::string& address) const;
  bool counts(const std::string& address) const;
  // The time of answers, made once a second.
  const std::string& date();

  ServerParts parts;
  Signal changed;  // A connection has ended, or there will be no more.
  bool drains = false;
  boost::intrusive::list<Connection, boost::intrusive::constant_time_size<false>> connections = {};
  std::size_t connection_count = 0;
  std::map<std::string, std::size_t> per_address = {};  // By address_group(), of those that are counted.

 private:
  std::int64_t date_s_ = 0;
  std::string date_;
};

// An IP address as it is compared and shown: an IPv4 address in IPv6's clothes is one of IPv4. None: it is
// not one.
std::optional<std::string> normal_address(std::string_view text);

}  // namespace kachery
