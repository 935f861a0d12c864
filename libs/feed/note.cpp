#include "feed/note.h"

#include <algorithm>
#include <vector>

#include "core/text.h"
#include "crypto/hasher.h"

namespace kachery::feed {
namespace {

constexpr std::size_t kNoteBytesMax = 16 << 10;
constexpr int kSignaturesMax = 16;
constexpr std::string_view kDash = "\u2014 ";
constexpr std::byte kEd25519{1};
constexpr std::size_t kIdSize = 4;

using KeyBytes = std::array<std::byte, 1 + NodeId::kSize>;
using SignatureBytes = std::array<std::byte, kIdSize + sizeof(Signature)>;

KeyBytes bytes_of(const NodeId& key) {
  KeyBytes bytes{kEd25519};
  std::ranges::copy(key.bytes(), bytes.begin() + 1);
  return bytes;
}

bool is_name(std::string_view name) {
  if (name.empty() || !is_utf8(name)) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '+' || name[i] == ' ' || starts_with_control(name.substr(i))) return false;
  }
  return true;
}

}  // namespace

std::array<std::byte, 4> NoteKey::id() const {
  constexpr std::array kNewline{std::byte{'\n'}};
  Hasher hasher(Algorithm::sha256);
  hasher.update(as_bytes(name));
  hasher.update(kNewline);
  hasher.update(bytes_of(key));
  std::array<std::byte, kIdSize> id{};
  std::ranges::copy(hasher.finish().bytes().first(kIdSize), id.begin());
  return id;
}

std::string NoteKey::str() const {
  return name + "+" + to_hex(id()) + "+" + to_base64(bytes_of(key));
}

Result<NoteKey> NoteKey::parse(std::string_view vkey) {
  const auto malformed = [vkey](std::string_view why) {
    return fail(Code::invalid, "no verifier key: \"" + printable(vkey) + "\": " + std::string(why));
  };
  const std::size_t first = vkey.find('+');
  const std::size_t second = first == std::string_view::npos ? first : vkey.find('+', first + 1);
  if (second == std::string_view::npos) return malformed("it has the form NAME+ID+KEY");
  const std::string_view name = vkey.substr(0, first);
  if (!is_name(name)) return malformed("its name has characters that no name may have");
  KeyBytes bytes{};
  if (!from_base64(vkey.substr(second + 1), bytes) || bytes.front() != kEd25519)
    return malformed("its key is no ed25519 key");
  NodeId::Key key{};
  std::ranges::copy(std::span(bytes).subspan(1), key.begin());
  NoteKey parsed{std::string(name), NodeId(key)};
  if (vkey.substr(first + 1, second - first - 1) != to_hex(parsed.id()))
    return malformed("its ID is not that of its name and key");
  return parsed;
}

std::string sign_note(std::string_view text, const std::string& name, const KeyPair& pair) {
  KACHERY_ASSERT(is_name(name) && text.ends_with('\n') && !text.contains("\n\n"));
  SignatureBytes bytes{};
  std::ranges::copy(NoteKey{name, pair.node_id()}.id(), bytes.begin());
  std::ranges::copy(pair.sign(as_bytes(text)), bytes.begin() + kIdSize);
  std::string note(text);
  note += '\n';
  note += kDash;
  note += name + " " + to_base64(bytes) + "\n";
  return note;
}

Result<std::string_view> open_note(std::string_view note, const NoteKey& key) {
  const auto malformed = [&key](std::string_view why) {
    return fail(Code::corrupt, "this is not signed by " + printable(key.name) + ": " + std::string(why));
  };
  if (note.size() > kNoteBytesMax) return malformed("it is longer than any signed note");
  const std::size_t end = note.rfind("\n\n");
  if (end == std::string_view::npos || !note.ends_with('\n') || !is_utf8(note))
    return malformed("it is no signed note");
  const std::string_view text = note.substr(0, end + 1);
  std::string_view lines = note.substr(end + 2);
  const auto id = key.id();
  bool is_signed = false;
  for (int count = 0; !lines.empty(); ++count) {
    if (count == kSignaturesMax) return malformed("it has too many signatures");
    std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(line.size() + 1);
    if (!line.starts_with(kDash)) return malformed("it has a line that is no signature");
    line.remove_prefix(kDash.size());
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) return malformed("it has a line that is no signature");
    SignatureBytes bytes{};
    const bool is_ours = line.substr(0, space) == key.name && from_base64(line.substr(space + 1), bytes) &&
                         std::equal(id.begin(), id.end(), bytes.begin());
    if (!is_ours) continue;
    if (!verify(key.key, as_bytes(text), std::span(bytes).subspan(kIdSize)))
      return malformed("the signature is wrong");
    is_signed = true;
  }
  if (!is_signed) return malformed("it has no signature of that key");
  return text;
}

}  // namespace kachery::feed
