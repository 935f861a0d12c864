// Entry: what a log keeps of a message, byte for byte as it was when it was signed. docs/formats/feeds.md. No
// I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/digest.h"
#include "feed/tree.h"

namespace kachery::feed {

// The longest message, in bytes of its JSON text.
constexpr std::size_t kMessageBytesMax = 8 << 20;
// A longer message lies beside its entry, which then has its hash: c2sp.org/tlog-tiles gives the size of an
// entry 16 bits.
constexpr std::size_t kInlineBytesMax = 60'000;
constexpr std::size_t kEntryBytesMax = 65'535;

// The text of a message that is too long for an entry.
struct Body {
  Digest sha256;
  ByteCount size;

  bool operator==(const Body&) const = default;
};

struct Entry {
  TreeSize number = 0;
  std::int64_t timestamp_ms = 0;  // Since 1970, UTC, by the writer's clock.
  std::string message = {};       // JSON text; empty where there is a body.
  std::optional<Body> body = {};

  // The bytes that are hashed into the tree.
  std::string str() const;
  // Of exactly such bytes; Code::corrupt. What is in a message is looked at by check_message.
  static Result<Entry> parse(std::string_view bytes);

  bool operator==(const Entry&) const = default;
};

// The entry of a message, whose body lies beside it if it is long.
Entry make_entry(TreeSize number, std::int64_t timestamp_ms, std::string message);

// The message as an entry has it: the JSON text as it was given, but for spaces between its parts.
// Code::invalid for what is not strict JSON (json/json.h), or too long.
Result<std::string> check_message(std::string_view text);

// Whether this is the text that the entry has, or has the hash of.
bool is_message_of(const Entry& entry, std::string_view message);

}  // namespace kachery::feed
