// Uri: how people and programs write down the name of a file.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/digest.h"
#include "core/error.h"

namespace kachery {

// How a label is written behind the digest.
enum class LabelStyle {
  path,   // sha1://HASH/label, as kachery_client and the programs print it.
  query,  // sha1://HASH?label=label, as kachery_cloud prints it.
};

// sha1://HASH, sha1://HASH/label/of/any/kind, sha1://HASH?label=..., and the same with sha256.
// The label is what a reader likes to see, never a part of the name. gen1 also wrote sha1://HASH.label.
struct Uri {
  Digest digest;
  std::string label;                    // Decoded; any bytes; may be empty.
  std::optional<Digest> manifest = {};  // gen1's ?manifest=: the list of the chunks of a large file.
  // kachery_cloud's ?location=: a path where the content may lie; any bytes but control characters. It stands
  // last, as it is, because older programs neither encode nor decode it.
  std::string location = {};

  // Code::invalid for anything that is not such a URI, with a message that shows the text.
  static Result<Uri> parse(std::string_view text);

  // "sha1://HASH", then the label, the manifest and the location where there are any.
  std::string str(LabelStyle style = LabelStyle::path) const;

  bool operator==(const Uri&) const = default;
};

// Whether `text` starts with "scheme://", and so is meant as a URI and not as a path (RFC 3986 section 3.1).
bool has_scheme(std::string_view text);

}  // namespace kachery
