#include "net/transfer.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "crypto/certificate.h"

namespace kachery {
namespace {

constexpr ByteCount kBodyMax = ByteCount{64} << 20;  // Of an answer that no sink takes.
constexpr ByteCount kHeadMax = ByteCount{256}
                               << 10;  // Of all heads of an answer: interim ones, and trailers.
// From this size on it is asked whether the body is wanted, before it is sent. Who does not answer that gets
// it all the same, after a moment.
constexpr ByteCount kAskFrom = ByteCount{1} << 20;
constexpr long kAskWaitMs = 200;
constexpr long kBufferSize = 256L << 10;
constexpr int kPartialContent = 206;

template <class Time>
long milliseconds(Time time) {  // For libcurl, to whom 0 is for ever.
  return static_cast<long>(std::max<std::int64_t>(1, time.count()));
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

bool is_token(std::string_view text) {  // RFC 9110 section 5.6.2.
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").contains(c);
  });
}

}  // namespace

Transfer::Transfer(CURL* handle, const ClientSettings& settings, const ClientRequest& request,
                   const std::atomic<bool>& cancel, const BodySink* sink)
    : handle_(handle),
      settings_(settings),
      request_(request),
      cancel_(cancel),
      sink_(sink),
      began_(std::chrono::steady_clock::now()),
      moved_at_(began_) {}

Transfer::~Transfer() {
  curl_easy_reset(handle_);
  curl_slist_free_all(fields_);
}

Result<ClientResponse> Transfer::run() {
  KACHERY_TRY(set_url());
  KACHERY_TRY(set_fields());
  set_method_and_body();
  set_trust();
  set_limits();
  set_callbacks();
  if (cancel_) return fail(Code::cancelled, what() + " was cancelled");
  const CURLcode code = curl_easy_perform(handle_);
  if (stopped_by_us_) return std::unexpected(*std::move(stopped_by_us_));
  if (code != CURLE_OK) return failure(code);
  response_.status = status();
  KACHERY_TRY(check_answer());
  return std::move(response_);
}

// What is sent is what was signed: the text of the URL goes out as it is.
Result<> Transfer::set_url() {
  const std::string& url = request_.url;
  const std::size_t host = url.find("://");
  const std::size_t path =
      host == url.npos ? url.size() : std::min(url.find_first_of("/?#", host + 3), url.size());
  KACHERY_TRY(origin, Url::parse(std::string_view(url).substr(0, path)));
  const std::string_view rest = std::string_view(url).substr(path);
  if (!std::ranges::all_of(rest, [](char c) { return c > ' ' && c < 0x7F && c != '#'; }))
    return fail(Code::invalid,
                fmt::format("cannot send a request to {}: its path or its query has characters "
                            "that must be escaped",
                            origin.str()));
  if (settings_.pin && !origin.secure)
    return fail(Code::denied,
                fmt::format("cannot send a request to {}: plain http shows no certificate, and one is "
                            "expected (#FINGERPRINT). Use https",
                            origin.str()));
  origin_ = std::move(origin);
  path_ = rest.substr(0, rest.find('?'));
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_PROTOCOLS_STR, settings_.pin ? "https" : "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  if (origin_->is_loopback()) set(CURLOPT_NOPROXY, "*");
  return {};
}

Result<> Transfer::set_fields() {
  for (const auto& [name, value] : request_.fields) {
    if (!is_token(name) ||
        std::ranges::any_of(value, [](char c) { return c == '\r' || c == '\n' || c == '\0'; }))
      return fail(Code::invalid,
                  fmt::format("cannot send {}: its field {} is malformed", what(), printable(name)));
    add_field(value.empty() ? name + ";" : fmt::format("{}: {}", name, value));
  }
  // What libcurl would add of itself.
  if (request_.fields.find("content-type") == nullptr) add_field("Content-Type:");
  if (request_.fields.find("accept-encoding") == nullptr) add_field("Accept-Encoding: identity");
  if (request_.from > 0) add_field(fmt::format("Range: bytes={}-", request_.from));
  add_field(body_size() >= kAskFrom ? "Expect: 100-continue" : "Expect:");
  set(CURLOPT_HTTPHEADER, fields_);
  return {};
}

void Transfer::add_field(const std::string& line) {
  fields_ = curl_slist_append(fields_, line.c_str());
  KACHERY_ASSERT(fields_ != nullptr);
}

void Transfer::set_method_and_body() {
  const bool may_have_body = request_.method == Method::post || request_.method == Method::put;
  KACHERY_ASSERT(may_have_body || body_size() == 0);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_HTTP_CONTENT_DECODING, 0L);
  set(CURLOPT_EXPECT_100_TIMEOUT_MS, kAskWaitMs);
  if (request_.method == Method::head) {
    set(CURLOPT_NOBODY, 1L);
    return;
  }
  if (may_have_body && request_.read) {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request_.body_size));
    set(CURLOPT_UPLOAD_BUFFERSIZE, kBufferSize);
  } else if (may_have_body) {
    // A small body goes out in one packet with the head.
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    set(CURLOPT_POSTFIELDS, request_.body.empty() ? "" : as_text(request_.body).data());
  }
  if (request_.method != Method::get)
    set(CURLOPT_CUSTOMREQUEST, std::string(method_name(request_.method)).c_str());
}

void Transfer::set_trust() {
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!settings_.pin) return;  // Verified by libcurl's defaults.
  std::array<std::byte, 32> pin{};
  KACHERY_ASSERT(from_hex(*settings_.pin, pin));
  set(CURLOPT_PINNEDPUBLICKEY, ("sha256//" + to_base64(pin)).c_str());
  // The key is what is trusted, whoever signed the certificate and for whatever name.
  set(CURLOPT_SSL_VERIFYPEER, 0L);
  set(CURLOPT_SSL_VERIFYHOST, 0L);
  set(CURLOPT_CERTINFO, 1L);
}

void Transfer::set_limits() {
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(settings_.limits.connect_wait_max));
  if (request_.wait_max) set(CURLOPT_TIMEOUT_MS, milliseconds(*request_.wait_max));
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_BUFFERSIZE, kBufferSize);
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_ERRORBUFFER, reason_.data());
}

void Transfer::set_callbacks() {
  using Moved = curl_off_t;
  set(CURLOPT_WRITEDATA, this);
  set(
      CURLOPT_WRITEFUNCTION, +[](char* data, std::size_t, std::size_t size, void* self) {
        return static_cast<Transfer*>(self)->take_body({data, size});
      });
  set(CURLOPT_HEADERDATA, this);
  set(
      CURLOPT_HEADERFUNCTION, +[](char* data, std::size_t, std::size_t size, void* self) {
        return static_cast<Transfer*>(self)->take_line_of_head({data, size});
      });
  if (request_.read) {
    set(CURLOPT_READDATA, this);
    set(
        CURLOPT_READFUNCTION, +[](char* data, std::size_t one, std::size_t count, void* self) {
          return static_cast<Transfer*>(self)->give_body(
              std::as_writable_bytes(std::span(data, one * count)));
        });
    set(CURLOPT_SEEKDATA, this);
    set(
        CURLOPT_SEEKFUNCTION, +[](void* self, Moved offset, int origin) {
          const bool to_start = offset == 0 && origin == SEEK_SET;
          return to_start && static_cast<Transfer*>(self)->rewind() ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
        });
  }
  set(CURLOPT_XFERINFODATA, this);
  set(
      CURLOPT_XFERINFOFUNCTION, +[](void* self, Moved, Moved received, Moved, Moved sent) {
        return static_cast<Transfer*>(self)->should_stop(static_cast<ByteCount>(received + sent)) ? 1 : 0;
      });
  set(CURLOPT_NOPROGRESS, 0L);
}

std::size_t Transfer::stop(Error why, std::size_t answer) {
  stopped_by_us_ = std::move(why);
  return answer;
}

int Transfer::status() const {
  long status = 0;
  curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
  return static_cast<int>(status);
}

bool Transfer::is_connected() const {
  curl_off_t microseconds = 0;
  curl_easy_getinfo(handle_, CURLINFO_PRETRANSFER_TIME_T, &microseconds);
  return microseconds > 0;
}

std::size_t Transfer::take_body(std::string_view bytes) {
  if (received_ == 0 && status() / 100 == 2 && !begins_where_asked())
    return stop({Code::corrupt,
                 fmt::format("{}: what answers does not begin at byte {}, where the rest was asked for; "
                             "it cannot go on there",
                             what(), request_.from)},
                CURL_WRITEFUNC_ERROR);
  received_ += bytes.size();
  if (sink_ != nullptr && status() / 100 == 2) {
    Result<> taken = (*sink_)(as_bytes(bytes));
    return taken ? bytes.size() : stop(std::move(taken).error(), CURL_WRITEFUNC_ERROR);
  }
  if (response_.body.size() + bytes.size() > kBodyMax)
    return stop({Code::exhausted, fmt::format("{}: the answer is longer than {} bytes", what(), kBodyMax)},
                CURL_WRITEFUNC_ERROR);
  response_.body += bytes;
  return bytes.size();
}

// RFC 9110 section 14.4: "bytes 1000-1999/2000".
bool Transfer::begins_where_asked() const {
  if (request_.from == 0) return true;
  const std::string* range = response_.fields.find("content-range");
  return status() == kPartialContent && range != nullptr &&
         range->starts_with(fmt::format("bytes {}-", request_.from));
}

// A line with its end. A status line begins a head; the empty line ends it. What comes behind the last head
// are trailers, which nobody asked for.
std::size_t Transfer::take_line_of_head(std::string_view line) {
  constexpr std::size_t kStop = 0;
  head_bytes_ += line.size();
  if (head_bytes_ > kHeadMax)
    return stop({Code::exhausted,
                 fmt::format("{}: the head of the answer is longer than {} bytes", what(), kHeadMax)},
                kStop);
  const std::string_view text = trimmed(line);
  if (!in_head_) {
    const bool is_interim = response_.status / 100 <= 1;
    if (is_interim && text.starts_with("HTTP/")) {
      in_head_ = true;
      response_.fields = {};
    }
    return line.size();
  }
  if (text.empty()) {
    in_head_ = false;
    response_.status = status();
    return line.size();
  }
  const std::size_t colon = std::min(text.find(':'), text.size());
  if (colon == text.size() || !is_token(text.substr(0, colon)))
    return stop(
        {Code::unavailable, fmt::format("{}: what answered does not speak HTTP: its head has the line '{}'",
                                        what(), printable(text.substr(0, 100)))},
        kStop);
  response_.fields.add(std::string(text.substr(0, colon)), std::string(trimmed(text.substr(colon + 1))));
  return line.size();
}

std::size_t Transfer::give_body(std::span<std::byte> space) {
  const ByteCount left = request_.body_size - sent_;
  space = space.first(static_cast<std::size_t>(std::min<ByteCount>(space.size(), left)));
  if (space.empty()) return 0;
  Result<std::size_t> given = request_.read(space);
  if (!given) return stop(std::move(given).error(), CURL_READFUNC_ABORT);
  KACHERY_ASSERT(*given <= space.size());
  sent_ += *given;
  if (*given < space.size())
    return stop(
        {Code::invalid, fmt::format("{}: what was to be sent ended after {} of {} bytes; did it change "
                                    "meanwhile?",
                                    what(), sent_, request_.body_size)},
        CURL_READFUNC_ABORT);
  return *given;
}

bool Transfer::rewind() {
  if (sent_ != 0) {
    if (!request_.rewind) return false;
    request_.rewind();
  }
  sent_ = 0;
  return true;
}

// Called at least once a second. The wait for a connection has its own limit.
bool Transfer::should_stop(ByteCount moved) {
  if (cancel_) {
    stopped_by_us_ = Error{Code::cancelled, what() + " was cancelled"};
    return true;
  }
  const Instant now = std::chrono::steady_clock::now();
  moved += head_bytes_;
  if (moved != moved_ || !is_connected()) {
    moved_ = moved;
    moved_at_ = now;
  }
  if (now - moved_at_ <= settings_.limits.stall_wait_max) return false;
  stopped_by_us_ = Error{Code::unavailable, fmt::format("{}: no byte came or went for {} ms. Try again later",
                                                        what(), settings_.limits.stall_wait_max.count())};
  return true;
}

// libcurl takes some answers that do not say clearly where they end: without a length, what arrived may have
// been cut anywhere.
Result<> Transfer::check_answer() const {
  const auto cut = [&](std::string_view why) {
    return fail(Code::unavailable,
                fmt::format("{}: {}, so that it may be cut short. Try again", what(), why));
  };
  if (response_.status < 200) return cut(fmt::format("status {} is no answer", response_.status));
  const HttpFields& fields = response_.fields;
  const std::string* length = fields.find("content-length");
  const std::string* coding = fields.find("transfer-encoding");
  for (const HttpField& field : fields)
    if (fields.find(field.name) == length && field.value != *length) return cut("the answer has two lengths");

  const bool has_body = request_.method != Method::head && response_.status != 204 && response_.status != 304;
  if (response_.status / 100 != 2 || !has_body) return {};
  if (coding != nullptr && *coding != "chunked")
    return cut(fmt::format("the answer is encoded as '{}'", printable(coding->substr(0, 100))));
  if (coding == nullptr && (length == nullptr || *length != std::to_string(received_)))
    return cut("the answer does not say how long it is");
  return {};
}

std::unexpected<Error> Transfer::failure(CURLcode code) const {
  const auto unavailable = [&](std::string_view why, std::string_view advice) {
    return fail(Code::unavailable, fmt::format("{}: {} ({}). {}", what(), why, reason(code), advice));
  };
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return failure_of_wait();
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return failure_of_trust(code);
    case CURLE_COULDNT_RESOLVE_HOST:
      return unavailable("no host of that name is known", "Check the address, and this machine's network");
    case CURLE_COULDNT_RESOLVE_PROXY:
      return unavailable("the proxy is not known", "Check HTTPS_PROXY, http_proxy and NO_PROXY");
    case CURLE_COULDNT_CONNECT:
      return unavailable("nobody answers there", "Check the address, and whether the server runs");
    case CURLE_SSL_CONNECT_ERROR:
      return unavailable("no secure connection could be made",
                         "Check whether it is https that is spoken there");
    case CURLE_PARTIAL_FILE:
      return unavailable("the answer was cut short", "Try again");
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return unavailable("what answered does not speak HTTP", "Check the address");
    case CURLE_OUT_OF_MEMORY:
      return fail(Code::exhausted, fmt::format("{}: no memory is left", what()));
    default:
      return unavailable("the connection broke", "Try again");
  }
}

std::unexpected<Error> Transfer::failure_of_wait() const {
  const auto waited = std::chrono::steady_clock::now() - began_;
  if (request_.wait_max && (is_connected() || waited >= *request_.wait_max))
    return fail(Code::timed_out,
                fmt::format("{}: not done within {} ms", what(), request_.wait_max->count()));
  return fail(Code::unavailable,
              fmt::format("{}: nobody answers there within {} ms. Check the address, and whether a "
                          "firewall or a proxy is between",
                          what(), settings_.limits.connect_wait_max.count()));
}

std::unexpected<Error> Transfer::failure_of_trust(CURLcode code) const {
  if (code != CURLE_SSL_PINNEDPUBKEYNOTMATCH)
    return fail(
        Code::denied,
        fmt::format(
            "{}: its certificate is not trusted ({}). If the hub made it itself, use the address that "
            "it shows when it starts, which ends with #FINGERPRINT; else see whether the package "
            "ca-certificates is installed",
            what(), reason(code)));
  std::string other = "unknown";
  curl_certinfo* chain = nullptr;
  if (curl_easy_getinfo(handle_, CURLINFO_CERTINFO, &chain) == CURLE_OK && chain != nullptr &&
      chain->num_of_certs > 0) {
    constexpr std::string_view kBegin = "Cert:";
    for (const curl_slist* line = chain->certinfo[0]; line != nullptr; line = line->next) {
      const std::string_view text(line->data);
      if (text.starts_with(kBegin))
        other = certificate_fingerprint(text.substr(kBegin.size())).value_or(other);
    }
  }
  return fail(Code::denied,
              fmt::format("{}: its key has the fingerprint {}, where {} was expected. Either the hub has a "
                          "new certificate, then ask whoever runs it for the new address; or somebody "
                          "else answers in its place",
                          what(), other, *settings_.pin));
}

std::string Transfer::what() const {
  const Url origin{
      .secure = origin_->secure, .host = origin_->host, .port = origin_->port, .prefix = {}, .pin = {}};
  return fmt::format("{} {}{}", method_name(request_.method), origin.str(), path_.substr(0, 200));
}

std::string Transfer::reason(CURLcode code) const {
  const std::string_view told(reason_.data());
  return printable(told.empty() ? curl_easy_strerror(code) : told);
}

}  // namespace kachery
