#include "feed/proof.h"

#include "feed/decimal.h"

namespace kachery::feed {
namespace {

constexpr std::string_view kInclusion = "c2sp.org/tlog-proof@v1\n";
constexpr std::string_view kExtra = "extra ";
constexpr std::string_view kIndex = "index ";
constexpr std::string_view kOld = "old ";
// Of trees with 2^53-1 entries, and some.
constexpr std::size_t kHashesMax = 128;

std::unexpected<Error> fail_malformed(std::string_view why) {
  return fail(Code::corrupt, "this is no proof of a feed: " + std::string(why));
}

// What stands behind `word` on the first line, which is taken off. Nothing if that does not begin with it.
std::optional<std::string_view> take_field(std::string_view& text, std::string_view word) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos || !text.starts_with(word)) return std::nullopt;
  const std::string_view value = text.substr(word.size(), end - word.size());
  text.remove_prefix(end + 1);
  return value;
}

std::string hash_lines(const std::vector<TreeHash>& hashes) {
  std::string lines;
  for (const TreeHash& hash : hashes) lines += to_base64(hash) + "\n";
  return lines;
}

// The lines up to an empty one, which is taken off too.
Result<std::vector<TreeHash>> take_hashes(std::string_view& text) {
  std::vector<TreeHash> hashes;
  for (;;) {
    const auto line = take_field(text, "");
    if (!line) return fail_malformed("it ends before its checkpoint");
    if (line->empty()) return hashes;
    if (hashes.size() == kHashesMax) return fail_malformed("it has too many hashes");
    if (!from_base64(*line, hashes.emplace_back())) return fail_malformed("a line of it is no hash");
  }
}

// Entries have no more bytes than fit into 16 bits, so there are few sizes to try for.
std::optional<std::string> decode_entry(std::string_view base64) {
  if (base64.empty() || base64.size() % 4 != 0 || base64.size() / 4 * 3 > kEntryBytesMax + 2)
    return std::nullopt;
  const std::size_t padding = base64.ends_with("==") ? 2 : base64.ends_with('=') ? 1 : 0;
  std::string entry(base64.size() / 4 * 3 - padding, '\0');
  if (!from_base64(base64, std::as_writable_bytes(std::span(entry)))) return std::nullopt;
  return entry;
}

Result<Proved> open_note_of(std::string_view note) {
  KACHERY_TRY(subfeed, subfeed_of_note(note));
  KACHERY_TRY(checkpoint, open_checkpoint(note, subfeed));
  return Proved{subfeed, checkpoint};
}

}  // namespace

std::string InclusionProof::str() const {
  std::string text(kInclusion);
  text += kExtra;
  text += to_base64(as_bytes(entry)) + "\n";
  text += kIndex;
  text += std::to_string(index) + "\n";
  return text + hash_lines(hashes) + "\n" + checkpoint;
}

Result<InclusionProof> InclusionProof::parse(std::string_view text) {
  if (!text.starts_with(kInclusion)) return fail_malformed("it does not begin with c2sp.org/tlog-proof@v1");
  text.remove_prefix(kInclusion.size());
  InclusionProof proof;
  const auto extra = take_field(text, kExtra);
  if (!extra) return fail_malformed("it does not have the entry that it is about");
  auto entry = decode_entry(*extra);
  if (!entry) return fail_malformed("the entry that it is about is no base64");
  proof.entry = *std::move(entry);
  const auto index = take_field(text, kIndex);
  const auto number = index ? parse_decimal(*index) : std::nullopt;
  if (!number) return fail_malformed("it does not say which entry it is about");
  proof.index = *number;
  KACHERY_TRY(hashes, take_hashes(text));
  proof.hashes = std::move(hashes);
  proof.checkpoint = text;
  return proof;
}

std::string ConsistencyProof::str() const {
  return std::string(kOld) + std::to_string(old_size) + "\n" + hash_lines(hashes) + "\n" + checkpoint;
}

Result<ConsistencyProof> ConsistencyProof::parse(std::string_view text) {
  ConsistencyProof proof;
  const auto old = take_field(text, kOld);
  const auto size = old ? parse_decimal(*old) : std::nullopt;
  if (!size) return fail_malformed("it does not say from which size on it proves anything");
  proof.old_size = *size;
  KACHERY_TRY(hashes, take_hashes(text));
  proof.hashes = std::move(hashes);
  proof.checkpoint = text;
  return proof;
}

Result<ProvedEntry> check(const InclusionProof& proof) {
  KACHERY_TRY(proved, open_note_of(proof.checkpoint));
  const TreeHash leaf = hash_leaf(as_bytes(proof.entry));
  if (!verify_inclusion(proof.index, proved.checkpoint.size, leaf, proof.hashes, proved.checkpoint.root))
    return fail(Code::corrupt, "the proof does not hold: " + proved.subfeed.str() +
                                   " does not have this entry " + std::to_string(proof.index) +
                                   " in its tree of " + std::to_string(proved.checkpoint.size));
  KACHERY_TRY(entry, Entry::parse(proof.entry));
  if (entry.number != proof.index)
    return fail(Code::corrupt, "entry " + std::to_string(proof.index) + " of " + proved.subfeed.str() +
                                   " calls itself " + std::to_string(entry.number));
  return ProvedEntry{proved, std::move(entry)};
}

Result<Proved> check(const ConsistencyProof& proof, std::string_view old_checkpoint) {
  KACHERY_TRY(proved, open_note_of(proof.checkpoint));
  KACHERY_TRY(old, open_checkpoint(old_checkpoint, proved.subfeed));
  if (old.size != proof.old_size)
    return fail(Code::corrupt, "the proof is for an older tree of " + std::to_string(proof.old_size) +
                                   " entries, and the older checkpoint has " + std::to_string(old.size));
  if (!verify_consistency(old.size, old.root, proved.checkpoint.size, proved.checkpoint.root, proof.hashes))
    return fail(Code::corrupt, "the proof does not hold: the " + std::to_string(proved.checkpoint.size) +
                                   " entries of " + proved.subfeed.str() + " do not begin with the older " +
                                   std::to_string(old.size) +
                                   ": its history was rewritten, or the proof is another's");
  return proved;
}

}  // namespace kachery::feed
