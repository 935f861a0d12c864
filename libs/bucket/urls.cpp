#include "bucket/urls.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/text.h"
#include "crypto/hmac.h"

namespace kachery {
namespace {

constexpr std::string_view kWhatIsSigned = "kachery bucket 1\n";
constexpr std::string_view kSignature = "&signature=";

// What the headers of a PUT may say of its body. Any other would ask for something that nobody signed.
constexpr std::array<std::string_view, 4> kAboutTheBody{"content-", "if-", "x-amz-", "transfer-"};

std::unexpected<Error> refuse(std::string_view why) {
  return fail(
      Code::denied,
      "refused: " + std::string(why) +
          ". A URL of the bucket is for one method, one object, one length and a few minutes; ask the "
          "hub for a new one.");
}

std::unexpected<Error> refuse_altered() {
  return refuse("this URL was not made by this hub, or was changed since, or is for another method");
}

std::string path_of(const BucketObject& object) {
  KACHERY_ASSERT(object.name.algorithm() == Algorithm::sha256);
  const std::string zone = "/bucket/" + object.zone.str();
  if (!object.manifest_of) return zone + "/chunks/" + object.name.hex();
  return zone + "/manifests/" + std::string(algorithm_name(object.manifest_of->algorithm())) + "-" +
         object.manifest_of->hex() + "/" + object.name.hex();
}

std::string parameters_for(const BucketPermit& permit, std::int64_t expires_s) {
  std::string text = "?expires=" + std::to_string(expires_s) + "&actor=" + percent_encode(permit.actor, "");
  if (permit.object.channel) text += "&channel=" + permit.object.channel->str();
  return text;
}

// `target`, a path with parameters, with the signature over it and the headers.
std::string sign(const Secret& key, Method method, std::string target, const HttpFields& fields) {
  std::string text(kWhatIsSigned);
  text += method_name(method);
  text += "\n" + target + "\n";
  for (const HttpField& field : fields) text += field.name + ":" + field.value + "\n";
  const Mac mac = hmac_sha256(key.bytes(), as_bytes(text));
  target += kSignature;
  return target + to_hex(mac);
}

std::string signed_get(const Secret& key, const BucketPermit& permit, std::int64_t expires_s) {
  return sign(key, Method::get, path_of(permit.object) + parameters_for(permit, expires_s), {});
}

HttpFields fields_of_put(const BucketPermit& permit) {
  return {{"content-length", std::to_string(permit.size)},
          {"content-type", "application/octet-stream"},
          {"if-none-match", "*"},
          {"x-amz-content-sha256", permit.object.name.hex()}};
}

std::string signed_put(const Secret& key, const BucketPermit& permit, std::int64_t expires_s) {
  return sign(key, Method::put,
              path_of(permit.object) + parameters_for(permit, expires_s) +
                  "&upload=" + percent_encode(permit.upload, "") + "&size=" + std::to_string(permit.size),
              fields_of_put(permit));
}

// Takes `text` up to the next `end`, or all of it.
std::string_view take(std::string_view& text, char end) {
  const std::size_t place = std::min(text.find(end), text.size());
  const std::string_view part = text.substr(0, place);
  text.remove_prefix(std::min(place + 1, text.size()));
  return part;
}

// The value of the parameter that comes next, which must be `name`; it has an equals sign and no other place.
std::optional<std::string_view> take_parameter(std::string_view& query, std::string_view name) {
  const std::string_view pair = take(query, '&');
  if (!pair.starts_with(name) || pair.size() == name.size() || pair[name.size()] != '=') return std::nullopt;
  return pair.substr(name.size() + 1);
}

template <class Number>
std::optional<Number> number_in(const std::optional<std::string_view>& text) {
  Number number = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return number;
}

std::optional<Digest> file_in(std::string_view text) {
  const auto algorithm = algorithm_named(take(text, '-'));
  if (!algorithm) return std::nullopt;
  const Result<Digest> file = Digest::parse(*algorithm, text);
  return file ? std::optional(*file) : std::nullopt;
}

std::optional<BucketObject> object_in(std::string_view path) {
  if (!path.starts_with("/bucket/")) return std::nullopt;
  path.remove_prefix(std::string_view("/bucket/").size());
  const Result<ZoneName> zone = ZoneName::parse(take(path, '/'));
  const std::string_view kind = take(path, '/');
  if (!zone || (kind != "chunks" && kind != "manifests")) return std::nullopt;
  const auto file = kind == "manifests" ? file_in(take(path, '/')) : std::nullopt;
  if (kind == "manifests" && !file) return std::nullopt;
  const Result<Digest> name = Digest::parse(Algorithm::sha256, path);
  if (!name) return std::nullopt;
  return BucketObject{*zone, *name, file};
}

struct Claimed {
  BucketPermit permit;
  std::int64_t expires_s;
};

// What a URL claims to be; nothing is proved yet. Where it is not even one, none.
std::optional<Claimed> read_claim(Method method, std::string_view path, std::string_view query) {
  const auto object = object_in(path);
  const auto expires_s = number_in<std::int64_t>(take_parameter(query, "expires"));
  const auto actor = take_parameter(query, "actor");
  if (!object || !expires_s || !actor) return std::nullopt;
  Claimed claimed{{method, *object, percent_decode(*actor)}, *expires_s};
  if (query.starts_with("channel=")) {
    const Result<ChannelName> channel = ChannelName::parse(*take_parameter(query, "channel"));
    if (!channel) return std::nullopt;
    claimed.permit.object.channel = *channel;
  }
  if (method == Method::get) return claimed;
  const auto upload = take_parameter(query, "upload");
  const auto size = number_in<ByteCount>(take_parameter(query, "size"));
  if (!upload || !size) return std::nullopt;
  claimed.permit.upload = percent_decode(*upload);
  claimed.permit.size = *size;
  return claimed;
}

bool same_letters(std::string_view one, std::string_view lower) {
  return std::ranges::equal(one, lower, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

Result<> check_fields(const HttpFields& fields, const HttpFields& must_have) {
  for (const HttpField& field : must_have) {
    const std::string* value = fields.find(field.name);
    if (fields.count(field.name) != 1 || *value != field.value)
      return refuse("with this URL the request must have the header \"" + field.name + ": " + field.value +
                    "\", once");
  }
  for (const HttpField& field : fields) {
    const bool about_body = std::ranges::any_of(kAboutTheBody, [&](std::string_view beginning) {
      return same_letters(std::string_view(field.name).substr(0, beginning.size()), beginning);
    });
    if (about_body && must_have.count(field.name) == 0)
      return refuse("the header \"" + printable(field.name.substr(0, 100)) + "\" was not signed");
  }
  return {};
}

}  // namespace

BucketUrls::BucketUrls(Secret key, Url base) : key_(std::move(key)), base_(std::move(base)) {}

std::string BucketUrls::get(const BucketObject& object, std::string_view actor,
                            std::int64_t expires_s) const {
  return base_.str() + signed_get(key_, {Method::get, object, std::string(actor)}, expires_s);
}

SignedPut BucketUrls::put(const BucketObject& object, std::string_view actor, std::string_view upload,
                          ByteCount size, std::int64_t expires_s) const {
  const BucketPermit permit{Method::put, object, std::string(actor), size, std::string(upload)};
  return {base_.str() + signed_put(key_, permit, expires_s), fields_of_put(permit)};
}

// What the URL claims to be is made once more and has to be the same text. So there is one text for each
// permit, and no second way to read it.
Result<BucketPermit> BucketUrls::check(const RequestHead& head, std::int64_t now_s) const {
  const bool is_put = head.method == Method::put;
  if (!is_put && head.method != Method::get && head.method != Method::head) return refuse_altered();
  const auto claimed = read_claim(is_put ? Method::put : Method::get, head.path, head.query);
  if (!claimed) return refuse_altered();
  const BucketPermit& permit = claimed->permit;
  const std::string genuine =
      is_put ? signed_put(key_, permit, claimed->expires_s) : signed_get(key_, permit, claimed->expires_s);
  if (!equal_in_constant_time(as_bytes(genuine), as_bytes(head.path + "?" + head.query)))
    return refuse_altered();
  if (now_s >= claimed->expires_s) return refuse("this URL has expired");
  if (is_put) KACHERY_TRY(check_fields(head.fields, fields_of_put(permit)));
  return permit;
}

}  // namespace kachery
