#include "remote/hub.h"

#include <algorithm>
#include <cstdlib>

#include "net/signing.h"
#include "os/clock.h"
#include "remote/address.h"
#include "wire/sizes.h"

namespace kachery::remote {
namespace {

// A clock that is off by less is good enough for every signature (net/signing.h).
constexpr std::int64_t kClockErrorMsMax = 60'000;

// What is read in memory of a bucket: manifests and their pages.
constexpr ByteCount kTextBytesMax = 16 << 20;

// How much later than its time the last line about a file that was asked for may come.
constexpr std::chrono::milliseconds kAnswerLateMax{30'000};

constexpr int kOk = 200;
constexpr int kMultipleChoices = 300;
constexpr int kPartialContent = 206;
constexpr int kForbidden = 403;
constexpr int kNotFound = 404;
constexpr int kPreconditionFailed = 412;
constexpr int kTooManyRequests = 429;
constexpr int kInternal = 500;
constexpr int kNoSpace = 507;

constexpr const char* kFilesType = "application/x-kachery-files";
constexpr const char* kLinesType = "application/x-ndjson";

bool is_success(const ClientResponse& response) {
  return response.status >= kOk && response.status < kMultipleChoices;
}

bool has_type(const ClientResponse& response, std::string_view type) {
  const std::string* given = response.fields.find("content-type");
  return given != nullptr && std::string_view(*given).substr(0, given->find(';')) == type;
}

std::optional<wire::Failure> failure_of(const ClientResponse& response) {
  if (!has_type(response, "application/json")) return std::nullopt;
  Result<wire::Failure> failure = wire::parse<wire::Failure>(response.body);
  if (!failure) return std::nullopt;
  return *std::move(failure);
}

std::int64_t system_now_ms() {
  return system_clock().now_ns() / 1'000'000;
}

std::string duration(std::int64_t ms) {
  const std::int64_t s = ms / 1000;
  return s < 7200 ? std::to_string(s) + " s" : std::to_string((s + 1800) / 3600) + " h";
}

std::unexpected<Error> fail_cancelled() {
  return fail(Code::cancelled, "stopped at the user's request");
}

// What is wrong with an answer about `what`, which is the path of a signed URL.
std::unexpected<Error> fail_bucket(const ClientResponse& response, const std::string& what) {
  if (const auto failure = failure_of(response))
    return fail(failure->error.code, what + ": " + failure->error.message);
  const std::string message = what + ": HTTP status " + std::to_string(response.status);
  switch (response.status) {
    case kForbidden:
      return fail(Code::denied, message);
    case kNotFound:
      return fail(Code::not_found, message);
    case kNoSpace:
      return fail(Code::exhausted, message);
    default:
      return fail(Code::unavailable, message);
  }
}

// Who wants to know the digest of the bytes (RFC 9530) has them read by the hub first.
ClientRequest get_request(const std::string& url, Reread reread) {
  ClientRequest request{.method = Method::get, .url = url};
  if (reread == Reread::yes) request.fields.add("Want-Repr-Digest", "sha-256=10");
  return request;
}

// The lines of a stream, each without its end, as they are complete.
class Lines {
 public:
  template <class Use>
  Result<> take(ByteView piece, const Use& use) {
    pending_ += as_text(piece);
    if (pending_.size() > wire::kJsonBodyBytes) return fail(Code::unavailable, "a line is too long");
    for (std::size_t end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n')) {
      KACHERY_TRY(use(std::string_view(pending_).substr(0, end)));
      pending_.erase(0, end + 1);
    }
    return {};
  }

 private:
  std::string pending_;
};

}  // namespace

struct Hub::State {
  explicit State(HubParts given) : parts(std::move(given)), http(parts.url.pin) {}

  // Again and again, as long as that may help: the last outcome.
  Result<ClientResponse> repeat(const std::atomic<bool>& cancel,
                                const std::function<Result<ClientResponse>()>& attempt) {
    const RetryPolicy& retry = parts.retry;
    for (int tried = 1;; ++tried) {
      Result<ClientResponse> outcome = attempt();
      const auto now = std::chrono::steady_clock::now();
      if (!is_away(outcome)) patient_until = now + retry.patience;
      const bool is_expected = is_away(outcome) && now < patient_until.load();
      const int counted = is_expected ? std::min(tried, retry.tries_max - 1) : tried;
      const auto wait = wait_before_retry(retry, counted, outcome);
      if (!wait) return outcome;
      if (!sleep_unless(cancel, *wait)) return fail_cancelled();
    }
  }

  HubParts parts;
  HttpClient http;
  std::atomic<std::chrono::steady_clock::time_point> patient_until =
      std::chrono::steady_clock::time_point::min();
  std::atomic<std::int64_t> clock_offset_ms = 0;  // The hub's clock minus ours, as far as that matters.
};

Hub::Hub(HubParts parts) : state_(std::make_unique<State>(std::move(parts))) {}
Hub::~Hub() = default;

const Url& Hub::url() const {
  return state_->parts.url;
}

std::optional<NodeId> Hub::node() const {
  return state_->parts.key ? std::optional(state_->parts.key->node_id()) : std::nullopt;
}

Signature Hub::sign(std::string_view text) const {
  KACHERY_ASSERT(state_->parts.key);
  return state_->parts.key->sign(as_bytes(text));
}

std::int64_t Hub::now_ms() const {
  return system_now_ms() + state_->clock_offset_ms;
}

// --- Calls

std::unexpected<Error> Hub::fail_no_hub(const std::string& why) const {
  return fail(Code::unavailable,
              "no usable answer from " + url().str() + ": " + why + "; is this a kachery hub?");
}

ClientRequest Hub::signed_request(const Posted& posted, const Digest& body) const {
  const HubParts& parts = state_->parts;
  ClientRequest request{
      .method = Method::post, .url = parts.url.str() + posted.path, .wait_max = posted.wait_max};
  request.fields.add("Content-Type", posted.type);
  request.fields.add("Accept", posted.answer_type);
  request.body = as_bytes(posted.body);
  if (parts.token) {
    request.fields.add("Authorization", "Bearer " + std::string(parts.token->text()));
  } else if (parts.key) {
    request.fields.add(
        sign_request(*parts.key, parts.url, {Method::post, posted.path, "", body}, now_ms() / 1000));
  }
  return request;
}

// Whether the hub refused because of our clock; from then on its clock counts.
bool Hub::correct_clock(const wire::Failure& failure) {
  if (failure.error.code != Code::denied || !state_->parts.key || state_->parts.token) return false;
  if (std::abs(failure.now_ms - now_ms()) <= kClockErrorMsMax) return false;
  state_->clock_offset_ms = failure.now_ms - system_now_ms();
  return true;
}

Result<ClientResponse> Hub::send(const Posted& posted, const std::atomic<bool>& cancel,
                                 const BodySink* sink) {
  const Digest body = Hasher::of(Algorithm::sha256, as_bytes(posted.body));
  const std::int64_t offset_ms = state_->clock_offset_ms;  // Another thread may correct it meanwhile.
  Result<ClientResponse> outcome = state_->http.send(signed_request(posted, body), cancel, sink);
  const auto failure = outcome ? failure_of(*outcome) : std::nullopt;
  if (!failure || (!correct_clock(*failure) && state_->clock_offset_ms == offset_ms)) return outcome;
  return state_->http.send(signed_request(posted, body), cancel, sink);
}

Result<std::string> Hub::post(const Posted& posted, const std::atomic<bool>& cancel, const BodySink* sink) {
  KACHERY_TRY(check_address(url(), "the hub", state_->parts.insecure_http));
  Result<ClientResponse> response = state_->repeat(cancel, [&] { return send(posted, cancel, sink); });
  KACHERY_TRY(check(response, posted.answer_type));
  return std::move(response->body);
}

Result<> Hub::check(const Result<ClientResponse>& response, const std::string& type) const {
  if (!response) return std::unexpected(response.error());
  if (!is_success(*response)) return fail_answer(*response);
  if (!has_type(*response, type)) return fail_no_hub("it is of another kind");
  return {};
}

// Of an answer that is no success.
std::unexpected<Error> Hub::fail_answer(const ClientResponse& response) const {
  const auto failure = failure_of(response);
  const std::string status = "HTTP status " + std::to_string(response.status);
  if (!failure && response.status != kTooManyRequests && response.status < kInternal)
    return fail_no_hub(status);
  if (!failure) return fail(Code::unavailable, url().str() + " answers with " + status + "; try again later");

  std::string message =
      failure->error.message + " (" + url().str() + ", request " + failure->error.request + ")";
  const std::int64_t offset = state_->clock_offset_ms;
  if (failure->error.code == Code::denied && offset != 0)
    message += "; the clock of this machine is " + duration(std::abs(offset)) +
               (offset > 0 ? " behind" : " ahead of") + " that of the hub";
  return fail(failure->error.code, std::move(message));
}

Result<wire::HubInfo> Hub::info(const std::atomic<bool>& cancel) {
  KACHERY_TRY(check_address(url(), "the hub", state_->parts.insecure_http));
  const ClientRequest request{.method = Method::get, .url = url().str() + "/v1/hub"};
  KACHERY_TRY(response, state_->repeat(cancel, [&] { return state_->http.send(request, cancel); }));
  if (!is_success(response)) return fail_answer(response);
  Result<wire::HubInfo> info = wire::parse<wire::HubInfo>(response.body);
  if (!info || info->program != "kachery") return fail_no_hub("it does not say what it is");
  return info;
}

// One try, which begins with the first line.
template <class Line>
Result<ClientResponse> Hub::stream(const Posted& posted, const std::function<void(const Line&)>& use,
                                   const std::atomic<bool>& cancel) {
  KACHERY_TRY(check_address(url(), "the hub", state_->parts.insecure_http));
  Lines lines;
  const BodySink sink = [&](ByteView piece) {
    return lines.take(piece, [&](std::string_view text) -> Result<> {
      Result<Line> line = wire::parse<Line>(text);
      if (!line) return fail_no_hub("its answer cannot be understood: " + line.error().message);
      use(*line);
      return {};
    });
  };
  return send(posted, cancel, &sink);
}

Result<wire::Registration> Hub::await_registration(
    const std::string& code, const std::function<void(const wire::Registration&)>& on_wait,
    const std::atomic<bool>& cancel) {
  const Posted posted{"/v1/nodes/await", wire::print(wire::AwaitRegistration{code}), "application/json",
                      kLinesType};
  std::optional<wire::Registration> last;
  const auto use = [&](const wire::Registration& registration) {
    last = registration;
    on_wait(registration);
  };
  for (;;) {
    const auto response =
        state_->repeat(cancel, [&] { return stream<wire::Registration>(posted, use, cancel); });
    const Result<> ended = check(response, kLinesType);
    if (!ended && (ended.error().code != Code::unavailable || !last)) return std::unexpected(ended.error());
    if (last && (last->registered || (last->expires_ms && *last->expires_ms <= now_ms()))) return *last;
    if (ended && !last) return fail_no_hub("it says nothing");
    if (!sleep_unless(cancel, state_->parts.retry.first)) return fail_cancelled();
  }
}

// When to ask again. Until a hub has said how it is, as for every call, but what it refuses is not asked
// again: nobody serves the resource, for example. From then on as long as there is time.
std::optional<std::chrono::milliseconds> Hub::wait_before_asking_again(
    bool has_told, int failed, const Result<ClientResponse>& outcome) const {
  const RetryPolicy& retry = state_->parts.retry;
  if (failed == 0) return retry.first;
  if (has_told) return wait_before_retry(retry, std::min(failed, retry.tries_max - 1), outcome);
  const bool is_refused = outcome && outcome->status != kTooManyRequests && failure_of(*outcome);
  return is_refused ? std::nullopt : wait_before_retry(retry, failed, outcome);
}

Result<wire::AskState> Hub::ask(wire::AskFile message,
                                const std::function<void(const wire::AskState&)>& on_state,
                                const std::atomic<bool>& cancel) {
  using std::chrono::milliseconds;
  using std::chrono::steady_clock;
  const auto deadline = steady_clock::now() + milliseconds(message.timeout_ms);
  const auto time_left = [&] {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
    return std::max(milliseconds(0), left);
  };
  std::optional<wire::AskState> last;
  const auto use = [&](const wire::AskState& state) {
    last = state;
    on_state(state);
  };
  for (int failed = 0;;) {
    message.timeout_ms = static_cast<std::uint64_t>(time_left().count());
    const Posted posted{kAskPath, wire::print(message), "application/json", kLinesType,
                        time_left() + kAnswerLateMax};
    const auto outcome = stream<wire::AskState>(posted, use, cancel);
    const Result<> ended = check(outcome, kLinesType);
    if (ended && !last) return fail_no_hub("it says nothing");
    if (ended && wire::is_final(*last)) return *last;
    failed = ended ? 0 : failed + 1;
    const auto wait = wait_before_asking_again(last.has_value(), failed, outcome);
    const milliseconds left = time_left();
    if (!ended && (!wait || left.count() == 0)) return std::unexpected(ended.error());
    if (left.count() == 0) return *last;
    if (!sleep_unless(cancel, std::min(left, *wait))) return fail_cancelled();
  }
}

Result<> Hub::read_audit(const std::string& day, const BodySink& sink, const std::atomic<bool>& cancel) {
  const Posted posted{"/v1/admin/audit", wire::print(wire::AskAudit{day}), "application/json", kLinesType};
  KACHERY_TRY(post(posted, cancel, &sink));
  return {};
}

// --- Small files

Result<wire::Outcomes> Hub::put_small(const wire::PutSmall& message, ByteView contents,
                                      const std::atomic<bool>& cancel) {
  std::string body = wire::print(message) + "\n";
  body += as_text(contents);
  KACHERY_TRY(answer, post({"/v1/files/put", std::move(body), kFilesType}, cancel));
  Result<wire::Outcomes> outcomes = wire::parse<wire::Outcomes>(answer);
  if (!outcomes) return fail_no_hub("its answer cannot be understood: " + outcomes.error().message);
  if (outcomes->files.size() != message.files.size()) return fail_no_hub("it is about other files");
  return outcomes;
}

Result<std::vector<SmallContent>> Hub::get_small(const wire::GetSmall& message,
                                                 const std::atomic<bool>& cancel) {
  KACHERY_TRY(body, post({"/v1/files/get", wire::print(message), "application/json", kFilesType}, cancel));
  std::vector<SmallContent> contents;
  std::string_view rest = body;
  for (const Digest& digest : message.digests) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return fail_no_hub("it ends too early");
    const Result<wire::SmallFile> head = wire::parse<wire::SmallFile>(rest.substr(0, end));
    if (!head || head->digest != digest) return fail_no_hub("it is about other files");
    rest.remove_prefix(end + 1);
    if (head->size.value_or(0) > rest.size()) return fail_no_hub("it ends too early");
    contents.push_back({digest, std::nullopt});
    if (!head->size) continue;
    contents.back().content = rest.substr(0, *head->size);
    rest.remove_prefix(*head->size);
  }
  if (!rest.empty()) return fail_no_hub("it goes on where it should end");
  return contents;
}

// --- Signed URLs

Result<Url> Hub::address_of(const std::string& url) const {
  Result<Url> address = Url::parse(std::string_view(url).substr(0, url.find('?')));
  if (!address) return fail(Code::unavailable, "the hub gave a URL that cannot be used");
  KACHERY_TRY(check_address(*address, "the hub", state_->parts.insecure_http));
  return address;
}

Result<> Hub::get(const std::string& url, ByteRange range, const BodySink& sink,
                  const std::atomic<bool>& cancel, Reread reread) {
  KACHERY_TRY(address, address_of(url));
  const std::string what = address.str();
  const BodySink counting = [&](ByteView piece) -> Result<> {
    if (piece.size() > range.size()) return fail(Code::corrupt, what + " has more bytes than it should");
    KACHERY_TRY(sink(piece));
    range.start += piece.size();
    return {};
  };
  // What broke after some bytes goes on at once behind them.
  const auto attempt = [&]() -> Result<ClientResponse> {
    for (;;) {
      const ByteCount before = range.start;
      ClientRequest request = get_request(url, reread);
      request.from = before;
      Result<ClientResponse> outcome = state_->http.send(request, cancel, &counting);
      const bool broke =
          !outcome && (outcome.error().code == Code::unavailable || outcome.error().code == Code::timed_out);
      if (!broke || range.start == before) return outcome;
      if (range.size() == 0) return ClientResponse{kPartialContent, {}, {}};  // How it ended does not matter.
    }
  };
  KACHERY_TRY(response, state_->repeat(cancel, attempt));
  if (!is_success(response)) return fail_bucket(response, what);
  if (range.size() == 0) return {};
  return fail(Code::corrupt, what + " has fewer bytes than it should");
}

Result<std::string> Hub::get_text(const std::string& url, const std::atomic<bool>& cancel, Reread reread) {
  KACHERY_TRY(address, address_of(url));
  const ClientRequest request = get_request(url, reread);
  std::string text;
  const BodySink sink = [&](ByteView piece) -> Result<> {
    if (text.size() + piece.size() > kTextBytesMax)
      return fail(Code::corrupt, address.str() + " is longer than a manifest can be");
    text += as_text(piece);
    return {};
  };
  KACHERY_TRY(response, state_->repeat(cancel, [&] {
    text.clear();
    return state_->http.send(request, cancel, &sink);
  }));
  if (!is_success(response)) return fail_bucket(response, address.str());
  return text;
}

Result<> Hub::put(const wire::PutOrder& order, ByteCount size, const ReadAt& read,
                  const std::function<void(std::int64_t)>& on_sent, const std::atomic<bool>& cancel) {
  KACHERY_TRY(address, address_of(order.url));
  ByteCount sent = 0;
  ClientRequest request{.method = Method::put, .url = order.url};
  for (const wire::Header& header : order.headers)
    if (header.name != "content-length") request.fields.add(header.name, header.value);
  request.body_size = size;
  request.read = [&](std::span<std::byte> out) -> Result<std::size_t> {
    const auto part = out.first(std::min<ByteCount>(out.size(), size - sent));
    KACHERY_TRY(read(sent, part));
    sent += part.size();
    on_sent(static_cast<std::int64_t>(part.size()));
    return part.size();
  };
  request.rewind = [&] { on_sent(-static_cast<std::int64_t>(std::exchange(sent, 0))); };
  const auto attempt = [&] {
    request.rewind();
    return state_->http.send(request, cancel);
  };
  const Result<ClientResponse> response = state_->repeat(cancel, attempt);
  if (response && (is_success(*response) || response->status == kPreconditionFailed)) {
    on_sent(static_cast<std::int64_t>(size - sent));
    return {};
  }
  on_sent(-static_cast<std::int64_t>(sent));
  if (!response) return std::unexpected(response.error());
  return fail_bucket(*response, address.str());
}

}  // namespace kachery::remote
