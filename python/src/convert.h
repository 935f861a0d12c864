// Between Python's values and ours. Names and paths are bytes, as the operating system has them.
#pragma once

#include <nanobind/nanobind.h>

#include <string>

#include "blocking.h"
#include "core/digest.h"

namespace kachery::python {

inline std::string text_of(const nb::bytes& bytes) {
  return {bytes.c_str(), bytes.size()};
}
inline nb::bytes bytes_of(const std::string& text) {
  return nb::bytes(text.data(), text.size());
}

inline Algorithm algorithm_of(const std::string& name) {
  if (const auto algorithm = algorithm_named(name)) return *algorithm;
  raise({Code::invalid, "no such hash: \"" + name + "\"; there are sha1 and sha256"});
}

// The result of short work that may wait for the disk: other Python threads run meanwhile.
template <class Work>
auto unlocked(const Work& work) {
  const nb::gil_scoped_release released;
  return work();
}

// With the interpreter's lock held.
template <class T>
T value_or_raise(Result<T> result) {
  if (!result) raise(result.error());
  return *std::move(result);
}

}  // namespace kachery::python
