#include "core/uri.h"

#include <algorithm>

#include "core/text.h"

namespace kachery {
namespace {

// gen1 prints labels unencoded; we keep every character that leads nobody astray, and encode those that end
// the label ('?', '#'), that decode ('%'), control characters, line separators, and bytes that are not UTF-8.
std::string encode_path_label(std::string_view label) {
  std::string out;
  while (!label.empty()) {
    const std::size_t size = utf8_sequence_size(label);
    const bool keep = size > 0 && !starts_with_control(label) && !std::string_view("?#%").contains(label[0]);
    const std::size_t taken = std::max<std::size_t>(size, 1);
    out += keep ? std::string(label.substr(0, taken)) : percent_encode(label.substr(0, taken), "");
    label.remove_prefix(taken);
  }
  return out;
}

std::unexpected<Error> invalid(std::string_view text, std::string_view why) {
  std::string message = "not a kachery URI: \"" + printable(text.substr(0, 200)) + "\": ";
  message += why;
  return fail(Code::invalid, std::move(message));
}

struct Split {
  std::string_view before;
  std::string_view after;
};

Split split_at(std::string_view text, std::size_t at) {
  if (at == std::string_view::npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + 1)};
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

// The items of a query, and what stands behind "location=", which is always the last of them.
Split split_location(std::string_view query) {
  constexpr std::string_view kKey = "location=";
  if (query.starts_with(kKey)) return {{}, query.substr(kKey.size())};
  const std::size_t at = query.find("&location=");
  if (at == std::string_view::npos) return {query, {}};
  return {query.substr(0, at), query.substr(at + 1 + kKey.size())};
}

}  // namespace

bool has_scheme(std::string_view text) {
  const std::size_t end = text.find("://");
  if (end == 0 || end == std::string_view::npos) return false;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_scheme_char = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  };
  return is_letter(text[0]) && std::ranges::all_of(text.substr(0, end), is_scheme_char);
}

Result<Uri> Uri::parse(std::string_view text) {
  const std::size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos)
    return invalid(text, "it has no scheme; sha1://HASH was expected");
  const auto algorithm = algorithm_named(text.substr(0, scheme_end));
  if (!algorithm) return invalid(text, "its scheme is none of sha1, sha256");

  // The digest has no special characters, so the first one ends it, and a fragment is no part of any name.
  const std::string_view rest = text.substr(scheme_end + 3);
  const std::size_t path_end = rest.find_first_of("?#");
  const std::string_view path = rest.substr(0, path_end);
  const bool has_query = path_end != std::string_view::npos && rest[path_end] == '?';
  const auto [items, location] = split_location(has_query ? rest.substr(path_end + 1) : std::string_view());
  const std::string_view query = split_at(items, items.find('#')).before;
  const auto [name, path_label] = split_at(path, path.find('/'));
  const auto [hex, dot_label] = split_at(name, name.find('.'));

  auto digest = Digest::parse(*algorithm, hex);
  if (!digest) return invalid(text, digest.error().message);
  if (std::ranges::any_of(location, is_control)) return invalid(text, "its location has a control character");
  Uri uri{*digest, percent_decode(path_label.empty() ? dot_label : path_label), {}, std::string(location)};

  for (std::string_view left = query; !left.empty();) {
    const auto [item, next] = split_at(left, left.find('&'));
    left = next;
    const auto [key, value] = split_at(item, item.find('='));
    if (key == "label") uri.label = percent_decode(value);
    if (key == "manifest") {
      auto manifest = Digest::parse(Algorithm::sha1, value);
      if (!manifest) return invalid(text, "its manifest is " + manifest.error().message);
      uri.manifest = *manifest;
    }
  }
  return uri;
}

std::string Uri::str(LabelStyle style) const {
  std::string text(algorithm_name(digest.algorithm()));
  text += "://" + digest.hex();
  if (!label.empty() && style == LabelStyle::path) text += "/" + encode_path_label(label);
  char separator = '?';
  if (!label.empty() && style == LabelStyle::query) {
    text += "?label=" + percent_encode(label, "/");
    separator = '&';
  }
  if (manifest) {
    text += separator + ("manifest=" + manifest->hex());
    separator = '&';
  }
  if (!location.empty()) text += separator + ("location=" + location);
  return text;
}

}  // namespace kachery
