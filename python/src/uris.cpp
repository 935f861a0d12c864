// URIs, for Python.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <optional>

#include "core/uri.h"
#include "session.h"

namespace kachery::python {
namespace {

// (algorithm, hexadecimal digest, label, manifest's digest or None, location or None)
nb::tuple parse_uri(const nb::bytes& text) {
  const Uri uri = value_or_raise(Uri::parse(text_of(text)));
  return nb::make_tuple(std::string(algorithm_name(uri.digest.algorithm())), uri.digest.hex(),
                        bytes_of(uri.label), uri.manifest ? nb::cast(uri.manifest->hex()) : nb::none(),
                        uri.location.empty() ? nb::none() : nb::object(bytes_of(uri.location)));
}

// `style` is "path" or "query".
std::string format_uri(const std::string& algorithm, const std::string& hex, const nb::bytes& label,
                       const std::string& style, const std::optional<std::string>& manifest,
                       const std::optional<nb::bytes>& location) {
  Uri uri{value_or_raise(Digest::parse(algorithm_of(algorithm), hex)), text_of(label)};
  if (manifest) uri.manifest = value_or_raise(Digest::parse(Algorithm::sha1, *manifest));
  if (location) uri.location = text_of(*location);
  const std::string text = uri.str(style == "query" ? LabelStyle::query : LabelStyle::path);
  // A location cannot be encoded, so not every path can be one.
  if (location) static_cast<void>(value_or_raise(Uri::parse(text)));
  return text;
}

}  // namespace

void bind_uris(nb::module_& m) {
  m.def("parse_uri", &parse_uri);
  m.def("format_uri", &format_uri, nb::arg(), nb::arg(), nb::arg(), nb::arg(),
        nb::arg("manifest") = nb::none(), nb::arg("location") = nb::none());
  m.def("has_scheme", [](const nb::bytes& text) { return has_scheme(text_of(text)); });
}

}  // namespace kachery::python
