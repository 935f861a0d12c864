#include "feed/checkpoint.h"

#include "core/text.h"
#include "feed/decimal.h"

namespace kachery::feed {
namespace {

constexpr std::string_view kPrefix = "kachery/feed/";

// Takes a line off the front, without its newline. Empty where there is none.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return {};
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

std::string origin_of(const SubfeedId& subfeed) {
  return std::string(kPrefix) + subfeed.feed.hex() + "/" + subfeed.hash.hex();
}

NoteKey note_key_of(const SubfeedId& subfeed) {
  return {origin_of(subfeed), subfeed.feed.key()};
}

Result<SubfeedId> subfeed_of_note(std::string_view note) {
  std::string_view line = take_line(note);
  const std::string shown = printable(line);
  const std::size_t slash = line.rfind('/');
  if (line.starts_with(kPrefix) && slash > kPrefix.size()) {
    const Result<FeedId> feed = FeedId::parse(line.substr(kPrefix.size(), slash - kPrefix.size()));
    const Result<Digest> hash = Digest::parse(Algorithm::sha1, line.substr(slash + 1));
    if (feed && hash) return SubfeedId{*feed, *hash};
  }
  return fail(Code::corrupt, "no checkpoint of a subfeed: it begins with \"" + shown + "\"");
}

std::string sign_checkpoint(const SubfeedId& subfeed, const Checkpoint& checkpoint, const KeyPair& pair) {
  KACHERY_ASSERT(pair.node_id() == subfeed.feed.key());
  const std::string origin = origin_of(subfeed);
  const std::string text =
      origin + "\n" + std::to_string(checkpoint.size) + "\n" + to_base64(checkpoint.root) + "\n";
  return sign_note(text, origin, pair);
}

Result<Checkpoint> open_checkpoint(std::string_view note, const SubfeedId& subfeed) {
  KACHERY_TRY(signed_text, open_note(note, note_key_of(subfeed)));
  std::string_view text = signed_text;
  const auto malformed = [&subfeed](std::string_view why) {
    return fail(Code::corrupt, "no checkpoint of " + origin_of(subfeed) + ": " + std::string(why));
  };
  if (take_line(text) != origin_of(subfeed)) return malformed("it is signed, but for something else");
  Checkpoint checkpoint;
  const auto size = parse_decimal(take_line(text));
  if (!size || *size > kTreeSizeMax) return malformed("its size is no number of entries");
  checkpoint.size = *size;
  if (!from_base64(take_line(text), checkpoint.root)) return malformed("its root is no hash");
  if (!text.empty()) return malformed("it has lines that mean nothing to us");
  if (checkpoint.size == 0 && checkpoint.root != root_of({}))
    return malformed("its root is not that of no entries");
  return checkpoint;
}

}  // namespace kachery::feed
