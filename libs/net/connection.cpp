#include "net/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "net/websocket_handshake.h"
#include "os/random.h"

namespace kachery {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kIdleBufferBytes = 1024;  // A signed head fits.
constexpr std::size_t kBodyBufferBytes = 256 << 10;
constexpr std::size_t kChunkedBufferBytes = 64 << 10;
constexpr std::size_t kJoinedBytesMax = 4096;  // Copied behind the head rather than written beside it.
constexpr std::chrono::seconds kLingerTime{2};
constexpr ByteCount kLingerBytesMax = 16 << 20;

std::string_view trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// The values of all fields of that name, as if they were one.
std::string joined(const HttpFields& fields, std::string_view name) {
  if (fields.count(name) == 0) return {};
  if (fields.count(name) == 1) return *fields.find(name);
  std::string all;
  HttpFields one;
  for (const HttpField& field : fields) {
    one = HttpFields({field});
    if (one.count(name) == 1) all += (all.empty() ? "" : ",") + field.value;
  }
  return all;
}

}  // namespace

Connection::Connection(ServerShared& server, std::unique_ptr<Stream> stream, std::string peer, bool is_tls)
    : server_(server),
      stream_(std::move(stream)),
      peer_(std::move(peer)),
      is_tls_(is_tls),
      patience_(server.parts.limits) {
  server_.connections.push_back(*this);
  ++server_.connection_count;
  if (server_.counts(peer_)) ++server_.per_address[address_group(peer_)];
}

Connection::~Connection() {
  --server_.connection_count;
  if (server_.counts(peer_)) {
    const auto counted = server_.per_address.find(address_group(peer_));
    if (--counted->second == 0) server_.per_address.erase(counted);
  }
  server_.changed.notify();
}

void Connection::check(TimePoint now) {
  if (!patience_.is_over(now)) return;
  has_timed_out_ = true;
  stream_->cancel();
}

void Connection::close_if_idle() {
  if (is_idle_) stream_->cancel();
}

Task<> Connection::serve() {
  if (is_tls_) co_await handshake();
  if (has_failed_) co_return;
  Then then = Then::next_request;
  while (then == Then::next_request) then = co_await serve_one();
  if (then == Then::close) co_await linger();
}

Task<> Connection::handshake() {
  patience_.expect_by(steady_clock::now() + server_.parts.limits.header_wait_max);
  patience_.begin_wait(steady_clock::now());
  Operation shaking([&](WhenDone done) { stream_->start_handshake(std::move(done)); });
  const IoOutcome outcome = co_await shaking;
  patience_.end_wait(steady_clock::now(), 0);
  has_failed_ = outcome.error.failed();
  if (has_failed_)
    server_.refused(peer_, Code::denied, "the TLS handshake failed: " + outcome.error.message());
}

Task<Connection::Then> Connection::serve_one() {
  std::optional<Parsed<std::size_t>> arrived = co_await await_head();
  if (!arrived) co_return Then::gone;
  is_first_ = false;
  head_.id = random_hex(16);
  Parsed<ParsedHead> parsed = std::unexpected(Refusal{});
  const ServerLimits& limits = server_.parts.limits;
  if (*arrived) {
    parsed =
        parse_head(input_.bytes().substr(0, **arrived), {limits.header_bytes_max, limits.header_fields_max});
    input_.consume(**arrived);
  } else {
    parsed = std::unexpected(std::move(arrived->error()));
  }
  if (!parsed) {
    Refusal refusal = std::move(parsed).error();
    const Then then = co_await refuse(std::move(refusal));
    co_return then;
  }
  begin_request(*std::move(parsed));
  patience_.expect_nothing();
  Response response = co_await server_.parts.handle(*this);

  if (is_upgraded_) co_return Then::gone;
  skip_body_that_came();
  if (body_refusal_) {
    server_.refused(peer_, Code::invalid, body_refusal_->why);
    response = refusal_response(*body_refusal_);
  }
  const bool goes_on = keeps_alive_ && has_body_ended() && !body_refusal_ && !server_.drains;
  const Then then = co_await send(std::move(response), goes_on);
  co_return then;
}

Task<std::optional<Parsed<std::size_t>>> Connection::await_head() {
  const ServerLimits& limits = server_.parts.limits;
  std::size_t scanned = 0;
  is_idle_ = input_.bytes().empty();
  if (is_idle_) forget_request();
  const bool waits_idly = is_idle_ && !is_first_;
  patience_.expect_by(steady_clock::now() + (waits_idly ? limits.idle_wait_max : limits.header_wait_max));
  for (;;) {
    const auto size = find_head(input_.bytes(), scanned, {limits.header_bytes_max, limits.header_fields_max});
    if (!size) co_return Parsed<std::size_t>(std::unexpected(size.error()));
    if (*size) co_return Parsed<std::size_t>(**size);
    if (is_idle_ && server_.drains) co_return std::nullopt;
    const std::size_t there = input_.bytes().size();
    const std::size_t room =
        there < kIdleBufferBytes / 2 ? kIdleBufferBytes : limits.header_bytes_max + kIdleBufferBytes;
    const bool more = co_await fill(room);
    const bool was_idle = std::exchange(is_idle_, false);
    if (more && was_idle && waits_idly) patience_.expect_by(steady_clock::now() + limits.header_wait_max);
    if (more) continue;
    if (!has_timed_out_ || there == 0) co_return std::nullopt;
    co_return Parsed<std::size_t>(std::unexpected(
        Refusal{408, fmt::format("the head of the request was not there after {} s",
                                 std::chrono::duration<double>(limits.header_wait_max).count())}));
  }
}

// Ten thousand may be idle at once.
void Connection::forget_request() {
  input_.shrink(kIdleBufferBytes);
  head_ = {};
  out_ = {};
}

void Connection::begin_request(ParsedHead parsed) {
  parsed.head.id = std::move(head_.id);
  head_ = std::move(parsed.head);
  head_.peer = peer_;
  head_.secure = is_tls_;
  if (server_.trusts(peer_)) believe_proxy();
  minor_version_ = parsed.minor_version;
  keeps_alive_ = parsed.keeps_alive;
  expects_continue_ = parsed.expects_continue;
  is_chunked_ = parsed.is_chunked;
  wants_websocket_ = parsed.wants_websocket;
  body_size_ = parsed.content_length;
  body_left_ = body_size_.value_or(0);
  chunks_ = {};
  body_refusal_.reset();
  reads_body_ = false;
}

// The last address that is not a trusted proxy's is the peer's: what stands before it may be invented.
void Connection::believe_proxy() {
  std::string chain = joined(head_.fields, "x-forwarded-for");
  std::string_view rest = chain;
  while (!rest.empty()) {
    const std::size_t comma = rest.rfind(',');
    const std::string_view last = comma == std::string_view::npos ? rest : rest.substr(comma + 1);
    const auto address = normal_address(trim(last));
    if (!address) break;
    head_.peer = *address;
    if (!server_.trusts(*address)) break;
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(0, comma);
  }
  const std::string scheme = joined(head_.fields, "x-forwarded-proto");
  if (!scheme.empty()) head_.secure = trim(scheme.substr(scheme.rfind(',') + 1)) == "https";
}

Response Connection::refusal_response(const Refusal& refusal) {
  if (server_.parts.on_malformed) return server_.parts.on_malformed(refusal.status, head_.id, refusal.why);
  return {.status = refusal.status,
          .fields = {{"Content-Type", "text/plain; charset=utf-8"}},
          .body = fmt::format("{} (request {})\n", refusal.why, head_.id)};
}

Task<Connection::Then> Connection::refuse(Refusal refusal) {
  server_.refused(peer_, refusal.status == 408 ? Code::timed_out : Code::invalid, refusal.why);
  head_.method = Method::get;
  minor_version_ = 1;
  Response response = refusal_response(refusal);
  const Then then = co_await send(std::move(response), false);
  co_return then;
}

Parsed<std::string_view> Connection::take_body() {
  const std::string_view bytes = input_.bytes();
  if (is_chunked_) {
    auto step = chunks_.next(bytes);
    if (!step) {
      body_refusal_ = step.error();
      return std::unexpected(std::move(step).error());
    }
    input_.consume(step->consumed);
    return step->data;
  }
  const std::string_view data = bytes.substr(0, std::min<ByteCount>(body_left_, bytes.size()));
  body_left_ -= data.size();
  input_.consume(data.size());
  return data;
}

void Connection::skip_body_that_came() {
  while (!body_refusal_ && !has_body_ended()) {
    const auto piece = take_body();
    if (!piece || piece->empty()) return;
  }
}

Task<Result<ByteView>> Connection::read() {
  if (!std::exchange(reads_body_, true)) patience_.expect_flow();
  for (;;) {
    if (body_refusal_) co_return fail(Code::invalid, body_refusal_->why);
    const auto piece = take_body();
    if (!piece) co_return fail(Code::invalid, piece.error().why);
    if (!piece->empty() || has_body_ended()) co_return as_bytes(*piece);
    if (std::exchange(expects_continue_, false)) {
      const Pieces ask{as_bytes("HTTP/1.1 100 Continue\r\n\r\n")};
      const bool asked = co_await write(ask);
      if (!asked) co_return fail(Code::cancelled, "the sender of the request has gone");
    }
    const std::size_t room = is_chunked_
                                 ? kChunkedBufferBytes
                                 : std::clamp<std::size_t>(body_left_, kIdleBufferBytes, kBodyBufferBytes);
    const bool more = co_await fill(room);
    if (more) continue;
    if (has_timed_out_)
      co_return fail(Code::timed_out,
                     "the body of the request came too slowly; try again on a better network");
    co_return fail(Code::cancelled, "the sender of the request has gone before its body was here");
  }
}

Task<Result<std::unique_ptr<WebSocket>>> Connection::upgrade(std::string subprotocol,
                                                             WebSocketLimits limits) {
  // Bytes behind the request were sent before anybody said that they would be understood.
  if (!wants_websocket_ || !has_body_ended() || !input_.bytes().empty())
    co_return fail(Code::invalid, "the request to " + head_.path + " does not ask for a WebSocket");
  if (!subprotocol.empty() && !lists(head_.fields, "sec-websocket-protocol", subprotocol))
    co_return fail(Code::invalid,
                   "the request to " + head_.path + " does not offer the subprotocol " + subprotocol);
  is_upgraded_ = true;
  auto accepted =
      co_await accept_websocket(server_.parts.loop, stream_, head_, std::move(subprotocol), limits);
  co_return accepted;
}

ResponseFrame Connection::frame_of(const Response& response, bool keeps_alive) const {
  ResponseFrame frame{Framing::length, 0, !is_bodiless(response.status), keeps_alive};
  if (const auto* text = std::get_if<std::string>(&response.body)) {
    frame.length = text->size();
    return frame;
  }
  const auto size = std::get<std::unique_ptr<Body>>(response.body)->size();
  if (size) {
    frame.length = *size;
  } else if (minor_version_ == 1) {
    frame.framing = Framing::chunked;
  } else {
    frame.framing = Framing::close;
    frame.keeps_alive = false;
  }
  return frame;
}

Task<Connection::Then> Connection::send(Response response, bool keeps_alive) {
  const ResponseFrame frame = frame_of(response, keeps_alive);
  out_.clear();
  append_head(out_, response, frame, server_.date());
  patience_.expect_flow();
  const bool sends_body = frame.has_body && head_.method != Method::head;
  bool sent = false;
  if (auto* body = std::get_if<std::unique_ptr<Body>>(&response.body); body != nullptr && sends_body) {
    sent = co_await send_body(**body, frame);
    if (!sent) stream_->abort();
  } else {
    const std::string* text = std::get_if<std::string>(&response.body);
    const std::string_view body_text =
        text != nullptr && sends_body ? std::string_view(*text) : std::string_view();
    const bool is_joined = body_text.size() <= kJoinedBytesMax;
    if (is_joined) out_.append(body_text);
    const Pieces pieces{as_bytes(out_), is_joined ? ByteView() : as_bytes(body_text)};
    sent = co_await write(pieces);
  }
  if (!sent) co_return Then::gone;
  co_return frame.keeps_alive ? Then::next_request : Then::close;
}

// What is made while it is sent may take its time, so the head does not wait for it.
Task<bool> Connection::send_body(Body& body, ResponseFrame frame) {
  if (frame.framing != Framing::length) {
    const Pieces head{as_bytes(out_)};
    const bool sent = co_await write(head);
    if (!sent) co_return false;
    out_.clear();
  }
  for (ByteCount left = frame.length;;) {
    const Result<ByteView> piece = co_await body.next();
    if (!piece) {
      server_.refused(peer_, piece.error().code, "an answer was cut short: " + piece.error().message);
      co_return false;
    }
    Pieces pieces;
    if (frame.framing == Framing::chunked) {
      fmt::format_to(std::back_inserter(out_), "{:x}\r\n", piece->size());
      pieces = {as_bytes(out_), *piece, as_bytes("\r\n")};
    } else {
      pieces = {as_bytes(out_), *piece};
    }
    if (frame.framing == Framing::length) {
      if (piece->size() > left || (piece->empty() && left > 0)) {
        server_.refused(peer_, Code::internal, "an answer was cut short: it is not as long as it said");
        co_return false;
      }
      left -= piece->size();
    }
    const bool sent = co_await write(pieces);
    if (!sent || piece->empty()) co_return sent;
    out_.clear();
  }
}

Task<bool> Connection::fill(std::size_t buffer_size) {
  const std::span<std::byte> room = input_.room(buffer_size);
  has_timed_out_ = false;
  patience_.begin_wait(steady_clock::now());
  Operation reading([&](WhenDone done) { stream_->start_read(room, std::move(done)); });
  const IoOutcome outcome = co_await reading;
  patience_.end_wait(steady_clock::now(), outcome.bytes);
  input_.add(outcome.bytes);
  co_return outcome.bytes > 0;
}

Task<bool> Connection::write(Pieces pieces) {
  std::size_t left = 0;
  for (const ByteView piece : pieces) left += piece.size();
  while (left > 0) {
    has_timed_out_ = false;
    patience_.begin_wait(steady_clock::now());
    Operation writing([&](WhenDone done) { stream_->start_write(pieces, std::move(done)); });
    const IoOutcome outcome = co_await writing;
    patience_.end_wait(steady_clock::now(), outcome.bytes);
    if (outcome.error) co_return false;
    left -= outcome.bytes;
    std::size_t written = outcome.bytes;
    for (ByteView& piece : pieces) {
      const std::size_t part = std::min(written, piece.size());
      piece = piece.subspan(part);
      written -= part;
    }
  }
  co_return true;
}

Task<> Connection::linger() {
  has_timed_out_ = false;
  patience_.expect_by(steady_clock::now() + kLingerTime);
  patience_.begin_wait(steady_clock::now());
  Operation ending([&](WhenDone done) { stream_->start_shut_down(std::move(done)); });
  co_await ending;
  bool has_more = true;
  for (ByteCount total = 0; has_more && !has_timed_out_ && total < kLingerBytesMax;) {
    input_.consume(input_.bytes().size());
    const std::span<std::byte> room = input_.room(kChunkedBufferBytes);
    Operation discarding([&](WhenDone done) { stream_->start_discard(room, std::move(done)); });
    const IoOutcome outcome = co_await discarding;
    has_more = outcome.bytes > 0;
    total += outcome.bytes;
  }
}

bool ServerShared::trusts(const std::string& address) const {
  return std::ranges::find(parts.trusted_proxies, address) != parts.trusted_proxies.end();
}

const std::string& ServerShared::date() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t now_s = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  if (now_s != date_s_) {
    date_s_ = now_s;
    date_ = http_date(now_s);
  }
  return date_;
}

}  // namespace kachery
