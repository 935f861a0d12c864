// URIs, for Python.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include "core/uri.h"
#include "session.h"

namespace kachery::python {
namespace {

nb::tuple parse_uri(const nb::bytes& text) {
  const Uri uri = value_or_raise(Uri::parse(text_of(text)));
  return nb::make_tuple(std::string(algorithm_name(uri.digest.algorithm())), uri.digest.hex(),
                        bytes_of(uri.label));
}

// `style` is "path" or "query".
std::string format_uri(const std::string& algorithm, const std::string& hex, const nb::bytes& label,
                       const std::string& style) {
  const Digest digest = value_or_raise(Digest::parse(algorithm_of(algorithm), hex));
  return Uri{digest, text_of(label)}.str(style == "query" ? LabelStyle::query : LabelStyle::path);
}

}  // namespace

void bind_uris(nb::module_& m) {
  m.def("parse_uri", &parse_uri);
  m.def("format_uri", &format_uri);
  m.def("has_scheme", [](const nb::bytes& text) { return has_scheme(text_of(text)); });
}

}  // namespace kachery::python
