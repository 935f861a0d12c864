#include "remote/older_proxy.h"

#include <algorithm>

#include "core/text.h"
#include "net/retry.h"
#include "remote/address.h"
#include "wire/legacy/proxy.h"

namespace kachery::remote {
namespace {

namespace legacy = wire::legacy;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Of one request: behind some platforms longer ones are cut. Each one more may begin the upload anew in
// daemons of gen2, so it is not much less.
constexpr milliseconds kOneWaitMax{20'000};
// How much longer the proxy waits for the daemon than the daemon for its upload, as gen2's clients ask; and
// how much longer we wait for the proxy.
constexpr milliseconds kProxyExtra{5'000};
constexpr milliseconds kAnswerLateMax{30'000};
// Before the next request.
constexpr milliseconds kPause{1'000};
// Of an answer.
constexpr std::size_t kAnswerBytesMax = 1 << 20;

constexpr int kOk = 200;
constexpr int kNotFound = 404;
constexpr int kTimeout = 504;

// What is asked; proxies from before 2023-03 know no zone.
enum class Dialect { named, api };

// "https://proxy.example" of ".../r/NAME"; empty if it is another address.
std::string proxy_of(const OlderQuestion& question) {
  const std::string url = question.resource_url.str();
  const std::string end = "/r/" + question.resource.str();
  return url.ends_with(end) ? url.substr(0, url.size() - end.size()) : "";
}

std::string body_of(const OlderQuestion& question, Dialect dialect, milliseconds wait) {
  legacy::FileUploadRequest inner{.uri = "sha1://" + question.digest.hex(), .timeout_msec = {}};
  legacy::RequestFromClient outer{.resource_name = question.resource.str(),
                                  .zone = {},
                                  .request = {},
                                  .timeout_msec = wait + kProxyExtra,
                                  .request_id = {}};
  if (dialect == Dialect::named) {
    inner.timeout_msec = wait;
    outer.zone = question.zone.str();
  }
  outer.request = wire::to_json(inner);
  return wire::print(outer);
}

// One conversation with one proxy.
class Conversation {
 public:
  Conversation(const OlderQuestion& question, const std::atomic<bool>& cancel)
      : question_(question), cancel_(cancel), http_(question.resource_url.pin) {}

  Result<wire::AskState> ask(milliseconds wait) {
    KACHERY_TRY(response, post(wait));
    if (response.status != kOk) return fail_status(response);
    return state_of(response.body);
  }

 private:
  Result<ClientResponse> post(milliseconds wait) {
    if (dialect_ == Dialect::api) return post_to(proxy_of(question_) + "/api", wait);
    Result<ClientResponse> response = post_to(question_.resource_url.str(), wait);
    // A path that it does not know: it is older than such paths.
    const bool unknown_path = response && response->status == kNotFound && !refusal_of(*response);
    if (!unknown_path || proxy_of(question_).empty()) return response;
    dialect_ = Dialect::api;
    return post_to(proxy_of(question_) + "/api", wait);
  }

  Result<ClientResponse> post_to(std::string url, milliseconds wait) {
    const std::string body = body_of(question_, dialect_, wait);
    ClientRequest request{.method = Method::post,
                          .url = std::move(url),
                          .body = as_bytes(body),
                          .wait_max = wait + kProxyExtra + kAnswerLateMax};
    request.fields.add("Content-Type", "application/json");
    request.fields.add("Accept", "application/json");
    std::string answer;
    const BodySink sink = [&](ByteView piece) -> Result<> {
      if (answer.size() + piece.size() > kAnswerBytesMax) return fail_no_proxy("its answer is too long");
      answer += as_text(piece);
      return {};
    };
    KACHERY_TRY(response, http_.send(request, cancel_, &sink));
    if (response.status == kOk) response.body = std::move(answer);
    return response;
  }

  static std::optional<std::string> refusal_of(const ClientResponse& response) {
    Result<legacy::Refusal> refusal = wire::parse<legacy::Refusal>(response.body);
    if (!refusal) return std::nullopt;
    return std::move(refusal->message);
  }

  Result<wire::AskState> fail_status(const ClientResponse& response) const {
    const auto refusal = refusal_of(response);
    const std::string status = "HTTP status " + std::to_string(response.status);
    if (!refusal) return fail_no_proxy(status);
    const std::string said = where() + " says: " + printable(*refusal);
    if (response.status == kNotFound)
      return fail(Code::unavailable, said + "; its daemon is not connected there, or has another name");
    if (response.status == kTimeout)
      return fail(Code::timed_out, said + "; its daemon did not answer in time");
    if (refusal->starts_with("Zone mismatch"))
      return fail(Code::denied, said + "; set KACHERY_ZONE to the resource's zone");
    return fail(Code::unavailable, said + " (" + status + ")");
  }

  // The daemon's response in its envelope, or as some proxies give it, alone.
  Result<wire::AskState> state_of(const std::string& body) const {
    Result<json::Value> value = json::parse(body);
    if (!value || value->if_object() == nullptr) return fail_no_proxy("its answer is no JSON object");
    json::Value response = *std::move(value);
    if (response.find("response") != nullptr) {
      Result<legacy::ResponseToClient> envelope = wire::from_json<legacy::ResponseToClient>(response, "");
      if (!envelope) return fail_no_proxy("its answer cannot be understood: " + envelope.error().message);
      if (envelope->error && !envelope->error->empty())
        return fail(Code::unavailable, where() + " answers: " + printable(*envelope->error));
      response = std::move(envelope->response);
    }
    if (response.if_object()->empty())
      return fail(Code::unavailable, where() + ": its daemon failed, and the proxy does not pass on why");
    const auto upload = wire::from_json<legacy::FileUploadResponse>(response, "");
    if (!upload) return fail_no_proxy("its answer cannot be understood: " + upload.error().message);
    return as_ask_state(upload->status);
  }

  Result<wire::AskState> as_ask_state(const legacy::FileUploadStatus& status) const {
    wire::AskState state = legacy::state_of(status);
    if (state.state == wire::kError) {
      state.code = Code::unavailable;
      state.message = where() + ": " + printable(status.error.value_or("no reason was given"));
    } else if (!wire::is_final(state) && status.status != wire::kQueued && status.status != wire::kRunning) {
      return fail_no_proxy("it calls the upload \"" + printable(status.status) + "\"");
    }
    return state;
  }

  std::string where() const {
    return "the resource " + question_.resource.str() + " (" + question_.resource_url.str() + ")";
  }
  std::unexpected<Error> fail_no_proxy(const std::string& why) const {
    return fail(Code::unavailable, "no usable answer from " + question_.resource_url.str() + ": " + why +
                                       "; is this the address of a resource, PROXY/r/NAME?");
  }

  const OlderQuestion& question_;
  const std::atomic<bool>& cancel_;
  HttpClient http_;
  Dialect dialect_ = Dialect::named;
};

}  // namespace

Result<wire::AskState> ask_older_proxy(const OlderQuestion& question,
                                       const std::function<void(const wire::AskState&)>& on_state,
                                       const std::atomic<bool>& cancel) {
  KACHERY_TRY(check_address(question.resource_url, "the resource", question.insecure_http));
  if (question.digest.algorithm() != Algorithm::sha1)
    return fail(Code::invalid, "the proxy at " + question.resource_url.str() +
                                   " is of an older kind, which knows files by their SHA-1 only");
  const auto deadline = steady_clock::now() + question.timeout;
  std::optional<wire::AskState> last;
  for (Conversation proxy(question, cancel);;) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
    Result<wire::AskState> state = proxy.ask(std::clamp(left, milliseconds(0), milliseconds(kOneWaitMax)));
    if (!state && (state.error().code != Code::unavailable || !last)) return state;
    if (state) {
      last = *state;
      on_state(*last);
    }
    const auto over = steady_clock::now() + kPause >= deadline;
    if (over || (state && wire::is_final(*state))) return state;
    if (!sleep_unless(cancel, kPause)) return fail(Code::cancelled, "stopped at the user's request");
  }
}

}  // namespace kachery::remote
