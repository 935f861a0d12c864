// Hub: calls to a hub, typed and signed, and the bytes that its URLs stand for. docs/protocol.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/secret.h"
#include "crypto/key_pair.h"
#include "net/retry.h"
#include "net/url.h"
#include "remote/calls.h"
#include "wire/files.h"
#include "wire/nodes.h"
#include "wire/uploads.h"

namespace kachery::remote {

struct HubParts {
  Url url;
  std::optional<KeyPair> key = {};   // Of this node; without one nothing is signed.
  std::optional<Secret> token = {};  // The administrator's, sent instead of a signature.
  bool insecure_http = false;        // Whether plain HTTP may go to another machine.
  RetryPolicy retry = {};
};

// Where the bytes of an upload come from: fills its argument from `offset` on.
using ReadAt = std::function<Result<>(ByteCount offset, std::span<std::byte> out)>;

// What the hub does before it sends the bytes of a URL.
enum class Reread : std::uint8_t {
  no,
  yes,  // Reads them all, and says Code::corrupt if they have suffered: for a second try.
};

// A small file as it came: no content where it is not there, or too large to come this way.
struct SmallContent {
  Digest digest;
  std::optional<std::string> content;
};

// Blocking and thread-safe; never across a fork. Every call may be repeated, so what breaks on the way is
// tried again, with a fresh signature. Where our clock is off by more than a minute, the hub's counts.
//
// What the hub refuses has its code and message, and the request's ID; Code::unavailable if it does not
// answer, or something else answers in its place; Code::cancelled within a second. No message names a token,
// or the query of a URL.
class Hub {
 public:
  explicit Hub(HubParts parts);
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;
  ~Hub();

  const Url& url() const;
  // Who signs; none: nobody.
  std::optional<NodeId> node() const;
  // Over the text of a claim (chunk/manifest.h), by the key that there must be.
  Signature sign(std::string_view text) const;
  // The hub's time as far as it is known, milliseconds since 1970.
  std::int64_t now_ms() const;

  template <class Message, class Reply>
  Result<Reply> call(const Call<Message, Reply>& to, const Message& message,
                     const std::atomic<bool>& cancel) {
    KACHERY_TRY(body, post({to.path, wire::print(message)}, cancel));
    Result<Reply> reply = wire::parse<Reply>(body);
    if (!reply) return fail_no_hub("its answer cannot be understood: " + reply.error().message);
    return reply;
  }
  Result<wire::HubInfo> info(const std::atomic<bool>& cancel);

  // Until the node is registered, or the code has expired: the last of the answers. `on_wait` is told of
  // each.
  Result<wire::Registration> await_registration(const std::string& code,
                                                const std::function<void(const wire::Registration&)>& on_wait,
                                                const std::atomic<bool>& cancel);
  // Asks a resource for a file, until that has ended (is_final), or the time is over: the last state, of
  // which each is told to `on_state`. If the connection breaks, or the hub is started anew, it asks again for
  // the time that is left, and finds the upload going on. What the hub refuses is a failure, as of every
  // call.
  Result<wire::AskState> ask(wire::AskFile message,
                             const std::function<void(const wire::AskState&)>& on_state,
                             const std::atomic<bool>& cancel);

  // The lines of one day of the audit log, in pieces as they come.
  Result<> read_audit(const std::string& day, const BodySink& sink, const std::atomic<bool>& cancel);

  // Small files in one body, in the order of `message.files`; `contents` are their bytes, one behind the
  // other.
  Result<wire::Outcomes> put_small(const wire::PutSmall& message, ByteView contents,
                                   const std::atomic<bool>& cancel);
  // In the order of the question. The contents are not checked, but for their sizes.
  Result<std::vector<SmallContent>> get_small(const wire::GetSmall& message, const std::atomic<bool>& cancel);

  // Bytes [range) of what has this URL, all of them, in order and each once, to `sink`: after a break it goes
  // on where it was. Code::denied if the URL has expired, Code::corrupt if there are more or fewer bytes.
  Result<> get(const std::string& url, ByteRange range, const BodySink& sink, const std::atomic<bool>& cancel,
               Reread reread = Reread::no);
  // Of a few MiB at most, in memory, whatever its size.
  Result<std::string> get_text(const std::string& url, const std::atomic<bool>& cancel,
                               Reread reread = Reread::no);

  // Success if the bytes are there now, or were there. Code::denied if the order has expired, Code::corrupt
  // if they are not those that were ordered. `on_sent` is told of bytes as they go, and of a repetition by
  // minus as many.
  Result<> put(const wire::PutOrder& order, ByteCount size, const ReadAt& read,
               const std::function<void(std::int64_t)>& on_sent, const std::atomic<bool>& cancel);

 private:
  struct State;

  struct Posted {
    std::string path;
    std::string body;
    std::string type = "application/json";
    std::string answer_type = "application/json";
    std::optional<std::chrono::milliseconds> wait_max = {};  // As ClientRequest's.
  };
  // One try, and a second one where our clock was wrong.
  Result<ClientResponse> send(const Posted& posted, const std::atomic<bool>& cancel, const BodySink* sink);
  Result<std::string> post(const Posted& posted, const std::atomic<bool>& cancel,
                           const BodySink* sink = nullptr);
  // Posts what is answered by lines, which go to `use`.
  template <class Line>
  Result<ClientResponse> stream(const Posted& posted, const std::function<void(const Line&)>& use,
                                const std::atomic<bool>& cancel);
  std::optional<std::chrono::milliseconds> wait_before_asking_again(
      bool has_told, int failed, const Result<ClientResponse>& outcome) const;
  // What a success should be, and is.
  Result<> check(const Result<ClientResponse>& response, const std::string& type) const;
  ClientRequest signed_request(const Posted& posted, const Digest& body) const;
  bool correct_clock(const wire::Failure& failure);
  std::unexpected<Error> fail_answer(const ClientResponse& response) const;
  std::unexpected<Error> fail_no_hub(const std::string& why) const;
  // Of what a signed URL names: without its query, which is a secret.
  Result<Url> address_of(const std::string& url) const;

  std::unique_ptr<State> state_;
};

}  // namespace kachery::remote
