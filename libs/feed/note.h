// Signed notes: text with signatures below it, by c2sp.org/signed-note (ed25519, type 0x01). No I/O.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "crypto/key_pair.h"

namespace kachery::feed {

// Whom a note has to be signed by. A value.
struct NoteKey {
  std::string name;  // No spaces, no '+', no control characters.
  NodeId key;

  // The first 4 bytes of SHA-256(name, 0x0A, 0x01, key).
  std::array<std::byte, 4> id() const;
  // How other programs are told of it: NAME+<id, 8 digits>+<base64 of 0x01 and the key>.
  std::string str() const;

  // Code::invalid, also where the id is not that of name and key.
  static Result<NoteKey> parse(std::string_view vkey);

  bool operator==(const NoteKey&) const = default;
};

// `text` ends with a newline and has no empty line. `pair` is the one of a NoteKey with this name.
std::string sign_note(std::string_view text, const std::string& name, const KeyPair& pair);

// The text of a note, if `key` signed it; signatures of others are passed over. A view of `note`.
// Code::corrupt otherwise; notes have up to 16 KiB and 16 signatures.
Result<std::string_view> open_note(std::string_view note, const NoteKey& key);

}  // namespace kachery::feed
