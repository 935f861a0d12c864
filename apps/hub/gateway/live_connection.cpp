#include "hub/gateway/live_connection.h"

#include "core/text.h"
#include "hub/gateway/serving.h"
#include "hub/operations/log.h"
#include "wire/hub.h"

namespace kachery::hub {
namespace {

// A daemon takes 64 calls at a time; what is more waits here.
constexpr std::size_t kUploadsAtOnce = 32;
constexpr std::size_t kQuestionsAtOnce = 16;
// Who connects says at once what for.
constexpr std::chrono::milliseconds kServeWait{30'000};
constexpr std::chrono::milliseconds kNoticeWait{10'000};
constexpr std::chrono::milliseconds kPingWait{5'000};
constexpr std::chrono::milliseconds kUploadWait{86'400'000};  // Orders end sooner (RendezvousLimits).
constexpr std::size_t kProgramBytesMax = 100;
constexpr std::uint16_t kGoingAway = 1001;  // RFC 6455 section 7.4.1.
constexpr std::uint16_t kPolicyViolation = 1008;

}  // namespace

LiveConnection::LiveConnection(Shared& shared, Visit& visit, NodeId node)
    : shared_(shared),
      visit_(visit),
      node_(node),
      uploads_(shared.services.loop, kUploadsAtOnce),
      questions_(shared.services.loop, kQuestionsAtOnce),
      has_served_(shared.services.loop) {}

Task<> LiveConnection::run(std::unique_ptr<WebSocket> socket) {
  Loop& loop = shared_.services.loop;
  const auto handler = [weak = weak_from_this()](std::shared_ptr<IncomingCall> call) {
    return answer(weak, std::move(call));
  };
  channel_ = std::make_unique<Channel>(loop, std::move(socket), handler);
  loop.spawn(expect_serve(shared_from_this()));
  const Error why = co_await channel_->run();
  channel_.reset();
  while (is_serving_) co_await has_served_.wait(kPingWait);
  log(Severity::info, "live_connection_ended",
      {{"request", visit_.head().id}, {"node", node_.hex()}, {"why", printable(why.message)}});
  if (served_) shared_.rendezvous.providers.leave(*served_, *this);
}

Task<> LiveConnection::expect_serve(std::shared_ptr<LiveConnection> self) {
  co_await self->shared_.services.loop.sleep(kServeWait);
  if (!self->has_called_serve_) self->cut({Code::timed_out, "nothing was served"});
}

Task<Result<std::string>> LiveConnection::answer(std::weak_ptr<LiveConnection> weak,
                                                 std::shared_ptr<IncomingCall> call) {
  const std::shared_ptr<LiveConnection> self = weak.lock();
  if (!self || !self->channel_) co_return fail(Code::unavailable, "the connection has ended");
  if (call->method() != "serve")
    co_return fail(Code::invalid, "this hub knows no call \"" + printable(call->method()) + "\"");
  if (std::exchange(self->has_called_serve_, true))
    co_return fail(Code::invalid, "serve was called before: a connection serves one name");
  KACHERY_CO_TRY(message, wire::parse<wire::Serve>(call->message()));
  self->is_serving_ = true;
  const Result<wire::Serving> served = co_await self->serve(std::move(message));
  self->is_serving_ = false;
  self->has_served_.notify();
  if (!served) co_return std::unexpected(served.error());
  co_return wire::print(*served);
}

// The visit is there: run() waits for this.
Task<Result<wire::Serving>> LiveConnection::serve(wire::Serve message) {
  const Post post = message.resource ? Post(ResourceId{message.zone, *message.resource})
                                     : Post(NodeInZone{message.zone, node_});
  const std::string name = message.resource ? message.resource->str() : node_.hex();
  const Question question{.action = action_of(post), .zone = message.zone, .object = name};
  KACHERY_CO_TRY(co_await shared_.admission.admit(visit_, question));
  const std::shared_ptr<const Facts> facts = shared_.services.facts.now();
  const Result<> may = may_serve(*facts, post, node_, Proof::key);
  Providers& providers = shared_.rendezvous.providers;
  if (!may) {
    providers.refused(post,
                      "a daemon with the key " + node_.hex() + ", whose name it is not, wanted its place");
    co_return std::unexpected(may.error());
  }
  std::shared_ptr<LiveConnection> self = shared_from_this();
  KACHERY_CO_TRY(co_await providers.enter(post, std::move(self)));
  served_ = post;
  log(Severity::info, "live_connection_serves",
      {{"request", visit_.head().id},
       {"node", node_.hex()},
       {"peer", visit_.head().peer},
       {"serves", name},
       {"program", printable(message.program.substr(0, kProgramBytesMax))}});
  wire::Serving serving;
  if (message.resource)
    serving.resource_url = shared_.services.settings.public_urls.front().str() + "/r/" + name;
  co_return serving;
}

Task<Result<std::optional<ByteCount>>> LiveConnection::have(wire::Have message,
                                                            std::chrono::milliseconds wait) {
  const auto until = std::chrono::steady_clock::now() + wait;
  const std::optional<Turn> turn = co_await questions_.take(wait);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  if (!turn || !channel_ || left.count() <= 0) co_return fail(Code::unavailable, "it does not answer");
  OutgoingCall call{.method = "have", .message = wire::print(message), .wait_max = left};
  KACHERY_CO_TRY(answer, co_await channel_->call(std::move(call)));
  KACHERY_CO_TRY(had, wire::parse<wire::Had>(answer));
  co_return had.size;
}

Task<Result<wire::AskState>> LiveConnection::upload(std::shared_ptr<Order> order) {
  const std::optional<Turn> turn = co_await turn_for(uploads_, *order);
  if (!turn || !channel_) co_return fail(Code::unavailable, "the connection has ended");
  OutgoingCall call{.method = "upload",
                    .message = wire::print(order->upload()),
                    .wait_max = kUploadWait,
                    .progress =
                        [order](const std::string& text) {
                          Result<wire::AskState> said = wire::parse<wire::AskState>(text);
                          if (said) order->progress(*std::move(said));
                        },
                    .stop = &order->stop()};
  const Result<std::string> answered = co_await channel_->call(std::move(call));
  if (answered) {
    Result<wire::AskState> last = wire::parse<wire::AskState>(*answered);
    if (!last)
      co_return wire::ask_failed(
          {Code::invalid, "the provider's answer cannot be understood: " + last.error().message});
    co_return last;
  }
  if (!order->is_wanted()) co_return wire::ask_failed(answered.error());
  // Its own failure, or that of the connection.
  const bool is_there = co_await ping(kPingWait);
  if (!is_there) co_return std::unexpected(answered.error());
  co_return wire::ask_failed(answered.error());
}

Task<bool> LiveConnection::ping(std::chrono::milliseconds wait) {
  if (!channel_) co_return false;
  co_return co_await channel_->ping(wait);
}

void LiveConnection::notice(std::string message) {
  shared_.services.loop.spawn(send_notice(shared_from_this(), std::move(message)));
}

Task<> LiveConnection::send_notice(std::shared_ptr<LiveConnection> self, std::string message) {
  if (!self->channel_) co_return;
  OutgoingCall call{
      .method = "notice", .message = wire::print(wire::Notice{std::move(message)}), .wait_max = kNoticeWait};
  static_cast<void>(co_await self->channel_->call(std::move(call)));
}

void LiveConnection::cut(const Error& why) {
  if (channel_) channel_->close(why.code == Code::unavailable ? kGoingAway : kPolicyViolation, why.message);
}

}  // namespace kachery::hub
