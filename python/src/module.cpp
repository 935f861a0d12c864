// kachery._native: the session and its calls, for the Python package only. Names and paths are bytes, as the
// operating system has them; whatever can block runs without the interpreter's lock.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "blocking.h"
#include "client/session.h"
#include "core/uri.h"

namespace kachery::python {
namespace {

using Paths = std::vector<nb::bytes>;

std::string text_of(const nb::bytes& bytes) {
  return {bytes.c_str(), bytes.size()};
}
nb::bytes bytes_of(const std::string& text) {
  return nb::bytes(text.data(), text.size());
}

std::vector<std::filesystem::path> paths_of(const Paths& names) {
  std::vector<std::filesystem::path> paths;
  for (const nb::bytes& name : names) paths.emplace_back(text_of(name));
  return paths;
}

Algorithm algorithm_of(const std::string& name) {
  if (const auto algorithm = algorithm_named(name)) return *algorithm;
  raise({Code::invalid, "no such hash: \"" + name + "\"; there are sha1 and sha256"});
}

template <class T>
T value_or_raise(Result<T> result) {
  if (!result) raise(result.error());
  return *std::move(result);
}

// (hexadecimal digest, size in bytes)
nb::tuple stored_as_tuple(const Stored& stored) {
  return nb::make_tuple(stored.digest.hex(), stored.size);
}

nb::list stored_as_list(const std::vector<Stored>& stored) {
  nb::list list;
  for (const Stored& one : stored) list.append(stored_as_tuple(one));
  return list;
}

ByteCount total_size(const std::vector<std::filesystem::path>& paths) {
  ByteCount total = 0;
  std::error_code error;
  for (const auto& path : paths) {
    const auto size = std::filesystem::file_size(path, error);
    if (!error) total += size;
  }
  return total;
}

// A file-like object for content that comes in parts.
class Writer {
 public:
  explicit Writer(StoreWriter writer) : writer_(std::move(writer)) {}

  std::size_t write(const nb::bytes& bytes) {
    const ByteView view(static_cast<const std::byte*>(bytes.data()), bytes.size());
    Result<> appended;
    {
      const nb::gil_scoped_release unlocked;
      appended = writer_.append(view);
    }
    if (!appended) raise(appended.error());
    return view.size();
  }

  nb::tuple commit() {
    std::optional<Stored> stored;
    run_blocking(nb::none(), [&](Progress&) -> Result<> {
      KACHERY_TRY(committed, writer_.commit());
      stored = committed;
      return {};
    });
    return stored_as_tuple(*stored);
  }

 private:
  StoreWriter writer_;
};

class PySession {
 public:
  PySession(const nb::bytes& directory, std::string origin)
      : session_(std::make_unique<Session>(Configuration{text_of(directory), std::move(origin)})) {}

  // In a forked child: the parent's databases and temporaries are not ours to close.
  void abandon() { static_cast<void>(session_.release()); }

  nb::list store_many(const Paths& names, const std::string& algorithm, const nb::object& on_progress) {
    const auto paths = paths_of(names);
    const Algorithm chosen = algorithm_of(algorithm);
    std::vector<Stored> stored;
    run_blocking(on_progress, [&](Progress& progress) -> Result<> {
      progress.bytes_total = total_size(paths);
      KACHERY_TRY(done, session_->store_many(paths, chosen, progress));
      stored = std::move(done);
      return {};
    });
    return stored_as_list(stored);
  }

  nb::list link_many(const Paths& names, const std::string& algorithm, const nb::object& on_progress) {
    const auto paths = paths_of(names);
    const Algorithm chosen = algorithm_of(algorithm);
    std::vector<Stored> linked;
    run_blocking(on_progress, [&](Progress& progress) -> Result<> {
      progress.bytes_total = total_size(paths);
      KACHERY_TRY(store, session_->writing_store());
      KACHERY_TRY(done, store->link_files(paths, chosen, progress));
      linked = std::move(done);
      return {};
    });
    return stored_as_list(linked);
  }

  Writer writer(const std::string& algorithm) {
    return Writer(value_or_raise(session_->writing_store())->create(algorithm_of(algorithm)));
  }

  // (path, size, kind)
  nb::tuple locate(const nb::bytes& name, const nb::object& on_progress) {
    Located located;
    run_blocking(on_progress, [&, text = text_of(name)](Progress& progress) -> Result<> {
      KACHERY_TRY(found, session_->locate(text, progress));
      located = std::move(found);
      return {};
    });
    return nb::make_tuple(bytes_of(located.path.native()), located.size, located.kind);
  }

  void copy_to(const nb::bytes& name, const nb::bytes& destination, const nb::object& on_progress) {
    run_blocking(on_progress, [&, text = text_of(name), target = text_of(destination)](Progress& progress) {
      return session_->copy_to(text, target, progress);
    });
  }

  nb::object read(const nb::bytes& name, const nb::object& on_progress) {
    nb::object content;
    const Store::Allocate allocate = [&](ByteCount size) {
      const nb::gil_scoped_acquire locked;
      content = nb::steal(PyByteArray_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size)));
      if (content.is_valid()) return std::span(memory_of(content), size);
      PyErr_Clear();
      return std::span<std::byte>();
    };
    run_blocking(on_progress, [&, text = text_of(name)](Progress& progress) {
      return session_->read(text, allocate, progress);
    });
    return content;
  }

  // Bytes [start, end) of the content; None stands for its beginning and its end.
  nb::object read_range(const nb::bytes& name, std::optional<std::int64_t> start,
                        std::optional<std::int64_t> end) {
    nb::object content;
    run_blocking(nb::none(), [&, text = text_of(name)](Progress& progress) -> Result<> {
      KACHERY_TRY(located, session_->locate(text, progress));
      const std::int64_t size = static_cast<std::int64_t>(located.size);
      const std::int64_t from = start.value_or(0);
      const std::int64_t to = end.value_or(size);
      if (from < 0 || to < from || to > size)
        return fail(Code::invalid, "Invalid start/end range: " + std::to_string(from) + " to " +
                                       std::to_string(to) + " of " + std::to_string(size) +
                                       " bytes: " + text);
      std::span<std::byte> space;
      {
        const nb::gil_scoped_acquire locked;
        content = nb::steal(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(to - from)));
        if (!content.is_valid()) {
          PyErr_Clear();
          return fail(Code::exhausted, "not enough memory for " + std::to_string(to - from) + " bytes");
        }
        space = {reinterpret_cast<std::byte*>(PyBytes_AsString(content.ptr())),
                 static_cast<std::size_t>(to - from)};
      }
      return read_exactly(*located.file, static_cast<ByteCount>(from), space);
    });
    return content;
  }

 private:
  static std::byte* memory_of(const nb::object& bytearray) {
    return reinterpret_cast<std::byte*>(PyByteArray_AsString(bytearray.ptr()));
  }

  std::unique_ptr<Session> session_;
};

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

// (directory, where that comes from)
nb::tuple configured_directory() {
  const Configuration configuration = value_or_raise(configuration_from_environment());
  return nb::make_tuple(bytes_of(configuration.directory.native()), configuration.directory_origin);
}

}  // namespace
}  // namespace kachery::python

// NOLINTNEXTLINE(readability-identifier-length): nanobind's own idiom.
NB_MODULE(_native, m) {
  using namespace kachery::python;
  m.attr("__version__") = KACHERY_VERSION;
  m.def("parse_uri", &parse_uri);
  m.def("format_uri", &format_uri);
  m.def("has_scheme", [](const nb::bytes& text) { return kachery::has_scheme(text_of(text)); });
  m.def("configured_directory", &configured_directory);
  nb::class_<Writer>(m, "Writer").def("write", &Writer::write).def("commit", &Writer::commit);
  nb::class_<PySession>(m, "Session")
      .def(nb::init<const nb::bytes&, std::string>())
      .def("abandon", &PySession::abandon)
      .def("store_many", &PySession::store_many, nb::arg(), nb::arg(), nb::arg().none())
      .def("link_many", &PySession::link_many, nb::arg(), nb::arg(), nb::arg().none())
      .def("writer", &PySession::writer, nb::keep_alive<0, 1>())
      .def("locate", &PySession::locate, nb::arg(), nb::arg().none())
      .def("copy_to", &PySession::copy_to, nb::arg(), nb::arg(), nb::arg().none())
      .def("read", &PySession::read, nb::arg(), nb::arg().none())
      .def("read_range", &PySession::read_range, nb::arg(), nb::arg().none(), nb::arg().none());
}
