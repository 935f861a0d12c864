// Where things lie under the root: the places that both earlier generations use. docs/formats/store.md.
#pragma once

#include <optional>
#include <string>

#include "core/digest.h"

namespace kachery {

// sha1/ab/cd/ef/<hex>
std::string object_path(const Digest& digest);

// linked_files/sha1/ab/cd/ef/<hex>, a JSON record as kachery_cloud writes it.
std::string link_path(const Digest& digest);

// sha1/ab/cd/ef/<hex>.link, a JSON record as gen1's daemon writes it.
std::string gen1_link_path(const Digest& digest);

// The digest whose object_path or, with prefix "linked_files/", link_path it is.
std::optional<Digest> digest_of_path(std::string_view path);

inline constexpr std::string_view kQuarantine = "quarantine";
inline constexpr std::string_view kPartials = "partial";
inline constexpr std::string_view kLinks = "linked_files";

}  // namespace kachery
