// kachery._native.Session: one session, for Python.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <memory>
#include <optional>
#include <string>
#include <tuple>

#include "client/session.h"
#include "convert.h"

namespace kachery::python {

class PySession {
 public:
  explicit PySession(Configuration configuration)
      : session_(std::make_unique<Session>(std::move(configuration))) {}

  Session& operator*() { return *session_; }
  Session* operator->() { return session_.get(); }

  // In a forked child: the parent's databases and temporaries are not ours to close.
  void abandon() { static_cast<void>(session_.release()); }

 private:
  std::unique_ptr<Session> session_;
};

// Sources, from Python's tuple of its members (_hub.py); an empty zone is the configured one, an empty
// resource that of the environment, an empty channel none in particular. With the lock held.
using PySources = std::tuple<bool, bool, std::string, std::string, bool, std::string, std::int64_t>;
Sources sources_of(const PySources& sources);

// With the lock held.
std::optional<ZoneName> zone_of(const std::optional<std::string>& name);

// Each binds one concept to the module or, as methods, to the class; all are called by module.cpp.
using SessionClass = nb::class_<PySession>;
void bind_uris(nb::module_& m);
void bind_content(nb::module_& m, SessionClass& session);
void bind_reader(nb::module_& m, SessionClass& session);
void bind_upkeep(SessionClass& session);
void bind_zone(SessionClass& session);
void bind_asking(SessionClass& session);
void bind_identity(SessionClass& session);
void bind_mutables(SessionClass& session);
void bind_feeds(nb::module_& m, SessionClass& session);

}  // namespace kachery::python
