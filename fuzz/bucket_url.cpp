// Whatever BucketUrls::check accepts is, byte for byte, what get() or put() makes of the permit. The input is
// a target as it is, and the edits that turn a good one into another.
#include <cstddef>
#include <cstdint>

#include "bucket/urls.h"

using namespace kachery;

namespace {

constexpr std::int64_t kNow = 1'700'000'000;
constexpr std::int64_t kExpires = kNow + 300;

const BucketUrls& urls() {
  static const BucketUrls kUrls(Secret(as_bytes("0123456789abcdef0123456789abcdef")),
                                Url{false, "127.0.0.1", 8080, "", std::nullopt});
  return kUrls;
}

std::string target_of(const std::string& url) {
  return url.substr(url.find("/bucket"));
}

void check(Method method, const std::string& target, const HttpFields& fields) {
  const std::size_t mark = std::min(target.find('?'), target.size());
  const RequestHead head{
      method, target.substr(0, mark), target.substr(std::min(mark + 1, target.size())), fields, "127.0.0.1",
      false,  std::string(32, '0')};
  const auto permit = urls().check(head, kNow);
  if (!permit) return;
  const std::string made =
      permit->method == Method::put
          ? urls().put(permit->object, permit->actor, permit->upload, permit->size, kExpires).url
          : urls().get(permit->object, permit->actor, kExpires);
  KACHERY_ASSERT(target_of(made) == target);
}

// Triples of bytes: where, what for, and whether to replace, insert or delete.
std::string edited(std::string text, std::string_view edits) {
  for (; edits.size() >= 3 && !text.empty(); edits.remove_prefix(3)) {
    const std::size_t place = static_cast<unsigned char>(edits[0]) * 2 % text.size();
    if (edits[2] % 3 == 0) text[place] = edits[1];
    if (edits[2] % 3 == 1) text.insert(place, 1, edits[1]);
    if (edits[2] % 3 == 2) text.erase(place, 1);
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const BucketObject kChunk{*ZoneName::parse("default"),
                                   *Digest::parse(Algorithm::sha256, std::string(64, 'c'))};
  static const BucketObject kOfChannel{kChunk.zone, kChunk.name, {}, ChannelName::parse("rats").value()};
  static const std::string kGet = target_of(urls().get(kChunk, "ab", kExpires));
  static const std::string kGetOfChannel = target_of(urls().get(kOfChannel, "ab", kExpires));
  static const SignedPut kPut = urls().put(kChunk, "ab", "cd", 12, kExpires);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(Method::get, std::string(text), {});
  check(Method::put, std::string(text), kPut.fields);
  check(Method::get, edited(kGet, text), {});
  check(Method::get, edited(kGetOfChannel, text), {});
  check(Method::put, edited(target_of(kPut.url), text), kPut.fields);
  return 0;
}
