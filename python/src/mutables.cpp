// Mutables of both generations, for Python: gen1's keys and values are JSON texts, gen2's are bytes.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>

#include "session.h"

namespace kachery::python {
namespace {

std::optional<nb::bytes> as_bytes_or_none(const std::optional<std::string>& text) {
  return text ? std::optional(bytes_of(*text)) : std::nullopt;
}

std::optional<nb::bytes> mutable_get(PySession& session, const nb::bytes& key) {
  const auto get = [&, text = text_of(key)]() -> Result<std::optional<std::string>> {
    KACHERY_TRY(mutables, session->mutables());
    return mutables->get(text);
  };
  return as_bytes_or_none(value_or_raise(unlocked(get)));
}

bool mutable_set(PySession& session, const nb::bytes& key, const nb::bytes& value, bool update) {
  const auto set = [&, text = text_of(key), value_text = text_of(value)]() -> Result<bool> {
    KACHERY_TRY(mutables, session->mutables());
    return mutables->set(text, value_text, update ? Existing::replace : Existing::keep);
  };
  return value_or_raise(unlocked(set));
}

bool mutable_delete(PySession& session, const nb::bytes& key) {
  const auto remove = [&, text = text_of(key)]() -> Result<bool> {
    KACHERY_TRY(mutables, session->mutables());
    return mutables->remove(text);
  };
  return value_or_raise(unlocked(remove));
}

std::optional<nb::bytes> file_mutable_get(PySession& session, const nb::bytes& key) {
  const auto get = [&, name = text_of(key)]() -> Result<std::optional<std::string>> {
    KACHERY_TRY(mutables, session->file_mutables(Missing::fail));
    return mutables->get(name);
  };
  return as_bytes_or_none(value_or_raise(unlocked(get)));
}

void raise_failure(const Result<>& outcome) {
  if (!outcome) raise(outcome.error());
}

void file_mutable_set(PySession& session, const nb::bytes& key, const nb::bytes& value) {
  const auto set = [&, name = text_of(key), text = text_of(value)]() -> Result<> {
    KACHERY_TRY(mutables, session->file_mutables(Missing::create));
    return mutables->set(name, text);
  };
  raise_failure(unlocked(set));
}

void file_mutable_delete(PySession& session, const nb::bytes& key) {
  const auto remove = [&, name = text_of(key)]() -> Result<> {
    KACHERY_TRY(mutables, session->file_mutables(Missing::fail));
    return mutables->remove(name);
  };
  raise_failure(unlocked(remove));
}

void file_mutable_delete_folder(PySession& session, const nb::bytes& key) {
  const auto remove = [&, name = text_of(key)]() -> Result<> {
    KACHERY_TRY(mutables, session->file_mutables(Missing::fail));
    return mutables->remove_folder(name);
  };
  raise_failure(unlocked(remove));
}

}  // namespace

void bind_mutables(SessionClass& session) {
  session.def("mutable_get", &mutable_get)
      .def("mutable_set", &mutable_set)
      .def("mutable_delete", &mutable_delete)
      .def("file_mutable_get", &file_mutable_get)
      .def("file_mutable_set", &file_mutable_set)
      .def("file_mutable_delete", &file_mutable_delete)
      .def("file_mutable_delete_folder", &file_mutable_delete_folder);
}

}  // namespace kachery::python
