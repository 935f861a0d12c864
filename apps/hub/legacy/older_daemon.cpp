#include "hub/legacy/older_daemon.h"

#include "core/text.h"
#include "os/random.h"

namespace kachery::hub {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
namespace older = wire::legacy;

constexpr milliseconds kFirstWait{10'000};
constexpr milliseconds kSendWait{60'000};
// The order hears so often that the daemon is there.
constexpr milliseconds kWordEvery{15'000};
// Until a daemon says how it is; the oldest do so after 10 s whatever they are told.
constexpr milliseconds kAnswerWait{3'600'000};
// It begins the upload anew when it is asked again (R1), so that is done seldom.
constexpr milliseconds kAskAgain{30'000};
constexpr std::size_t kUploadsAtOnce = 32;
constexpr std::size_t kIdBytes = 16;  // Nobody guesses the ID of another's request.
constexpr std::uint16_t kPolicyViolation = 1008;

// What no daemon has, so that it answers at once.
constexpr std::string_view kNoUri = "sha1://ping";

wire::AskState failed(Code code, std::string message) {
  return wire::ask_failed({code, std::move(message)});
}

wire::AskState state_of(const older::ResponseToClient& response) {
  const std::string said = response.error.value_or("");
  if (!said.empty()) return failed(Code::internal, said);
  const auto upload = wire::from_json<older::FileUploadResponse>(response.response, "response");
  if (!upload)
    return failed(Code::invalid, "the provider's answer cannot be understood: " + upload.error().message);
  return older::state_of(upload->status);
}

bool goes_on(const wire::AskState& state) {
  return state.state == wire::kQueued || state.state == wire::kRunning;
}

}  // namespace

OlderDaemon::OlderDaemon(Loop& loop, Rendezvous& rendezvous)
    : loop_(loop),
      rendezvous_(rendezvous),
      uploads_(loop, kUploadsAtOnce),
      sending_(loop, 1),
      answered_(loop) {}

Task<Error> OlderDaemon::run(std::unique_ptr<WebSocket> socket, const AdmitOlder& admit) {
  socket_ = std::move(socket);
  loop_.spawn(expect_first(shared_from_this()));
  Error why = co_await receive_all(admit);
  socket_.reset();
  if (served_) rendezvous_.providers.leave(*served_, *this);
  answered_.notify();
  for (const auto& [id, asked] : asked_)
    if (asked.order) asked.order->changed().notify();
  co_return why;
}

Task<> OlderDaemon::expect_first(std::shared_ptr<OlderDaemon> self) {
  co_await self->loop_.sleep(kFirstWait);
  if (!self->served_) self->cut({Code::timed_out, ""});
}

Task<Error> OlderDaemon::receive_all(const AdmitOlder& admit) {
  const Result<> begun = co_await begin(admit);
  if (!begun) co_return begun.error();
  for (;;) {
    const Result<WebSocketMessage> message = co_await socket_->receive();
    if (!message) co_return message.error();
    const Result<> taken = take(message->bytes);
    if (!taken) co_return taken.error();
  }
}

// What comes first must be Initialize; whatever is wrong, the daemon learns nothing from it.
Task<Result<>> OlderDaemon::begin(const AdmitOlder& admit) {
  KACHERY_CO_TRY(message, co_await socket_->receive());
  KACHERY_CO_TRY(said, older::parse_from_daemon(message.bytes));
  const auto* first = std::get_if<older::Initialize>(&said);
  if (first == nullptr) co_return fail(Code::invalid, "the first message is not initialize");
  KACHERY_CO_TRY(place, co_await admit(*first));
  node_ = place.node;
  zone_ = first->zone;
  std::shared_ptr<Provider> self = shared_from_this();
  KACHERY_CO_TRY(co_await rendezvous_.providers.enter(place.id, std::move(self)));
  served_ = place.id;
  std::string acknowledge = wire::print(older::Acknowledge{});
  KACHERY_CO_TRY(co_await send(std::move(acknowledge)));
  co_return Result<>();
}

Result<> OlderDaemon::take(const std::string& text) {
  KACHERY_TRY(said, older::parse_from_daemon(text));
  if (std::holds_alternative<older::Initialize>(said))
    return fail(Code::invalid, "it initializes a second time");
  auto* response = std::get_if<older::ResponseToClient>(&said);
  if (response == nullptr) return {};
  const auto found = asked_.find(response->request_id);
  if (found == asked_.end()) return {};  // Nobody waits for it any more.
  found->second.response = std::move(*response);
  answered_.notify();
  if (found->second.order) found->second.order->changed().notify();
  return {};
}

Task<Result<>> OlderDaemon::send(std::string text) {
  const std::optional<Turn> turn = co_await sending_.take(kSendWait);
  if (!turn || !socket_)
    co_return fail(Code::unavailable, "the connection has ended, or the daemon does not read");
  WebSocketMessage message{.is_text = true, .bytes = std::move(text)};
  co_return co_await socket_->send(std::move(message));
}

// Gives the request's ID, under which the response will be.
Task<Result<std::string>> OlderDaemon::request(const std::string& uri, std::shared_ptr<Order> order) {
  if (!served_) co_return fail(Code::unavailable, "the daemon serves nothing yet");
  older::FileUploadRequest inner{.uri = uri, .timeout_msec = {}};
  if (zone_) inner.timeout_msec = kAnswerWait;
  std::string id = random_hex(kIdBytes);
  const older::RequestFromClient message{.resource_name = served_->name.str(),
                                         .zone = zone_,
                                         .request = wire::to_json(inner),
                                         .timeout_msec = kAnswerWait + kFirstWait,
                                         .request_id = id};
  asked_[id] = {.order = std::move(order)};
  const Result<> sent = co_await send(wire::print(message));
  if (sent) co_return id;
  asked_.erase(id);
  co_return std::unexpected(sent.error());
}

// The order, which belongs to the caller, has ended if there is none.
Task<Result<older::ResponseToClient>> OlderDaemon::response_to(std::string id, Order& order) {
  const auto until = steady_clock::now() + kAnswerWait + kFirstWait;
  for (;;) {
    Asked& asked = asked_.at(id);
    const bool is_over = !socket_ || order.has_ended() || steady_clock::now() >= until;
    if (asked.response || is_over) {
      std::optional<older::ResponseToClient> response = std::move(asked.response);
      asked_.erase(id);
      if (response) co_return *std::move(response);
      co_return fail(Code::unavailable, "the daemon has not answered");
    }
    wire::AskState now = order.state();
    if (!goes_on(now)) now = {.state = wire::kQueued};
    const bool was_notified = co_await order.changed().wait(kWordEvery);
    if (!was_notified) order.progress(std::move(now));
  }
}

Task<Result<std::optional<ByteCount>>> OlderDaemon::have(wire::Have, milliseconds) {
  co_return std::optional<ByteCount>();
}

Task<Result<wire::AskState>> OlderDaemon::upload(std::shared_ptr<Order> order) {
  if (order->upload().digest.algorithm() != Algorithm::sha1)
    co_return failed(Code::invalid, "a daemon of the older generation knows SHA-1 only: ask for sha1://...");
  const std::optional<Turn> turn = co_await turn_for(uploads_, *order);
  const std::string uri = "sha1://" + order->upload().digest.hex();
  while (turn && socket_) {
    KACHERY_CO_TRY(id, co_await request(uri, order));
    KACHERY_CO_TRY(response, co_await response_to(std::move(id), *order));
    wire::AskState said = state_of(response);
    if (!goes_on(said)) co_return said;
    order->progress(std::move(said));
    const auto again = steady_clock::now() + kAskAgain;
    while (socket_ && !order->has_ended() && steady_clock::now() < again)
      co_await order->changed().wait(std::chrono::ceil<milliseconds>(again - steady_clock::now()));
    if (order->has_ended()) break;
  }
  co_return fail(Code::unavailable, "the connection has ended");
}

// It knows no pings of its own; so it is asked for what it refuses at once.
Task<bool> OlderDaemon::ping(milliseconds wait) {
  const auto until = steady_clock::now() + wait;
  const std::string uri(kNoUri);
  const Result<std::string> id = co_await request(uri, nullptr);
  if (!id) co_return false;
  while (socket_ && !asked_.at(*id).response && steady_clock::now() < until)
    co_await answered_.wait(std::chrono::ceil<milliseconds>(until - steady_clock::now()));
  const bool has_answered = asked_.at(*id).response.has_value();
  asked_.erase(*id);
  co_return has_answered;
}

void OlderDaemon::notice(std::string) {}

void OlderDaemon::cut(const Error& why) {
  if (socket_) loop_.spawn(close(shared_from_this(), why.message));
}

Task<> OlderDaemon::close(std::shared_ptr<OlderDaemon> self, std::string reason) {
  constexpr std::size_t kReasonMax = 123;
  const std::optional<Turn> turn = co_await self->sending_.take(kSendWait);
  if (!turn || !self->socket_) co_return;
  co_await self->socket_->close(kPolicyViolation, printable(reason).substr(0, kReasonMax));
}

}  // namespace kachery::hub
