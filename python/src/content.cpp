// Storing and loading, for Python: whatever can block runs without the interpreter's lock.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "session.h"

namespace kachery::python {
namespace {

using Paths = std::vector<nb::bytes>;

std::vector<std::filesystem::path> paths_of(const Paths& names) {
  std::vector<std::filesystem::path> paths;
  for (const nb::bytes& name : names) paths.emplace_back(text_of(name));
  return paths;
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

std::byte* memory_of(const nb::object& bytearray) {
  return reinterpret_cast<std::byte*>(PyByteArray_AsString(bytearray.ptr()));
}

nb::list store_many(PySession& session, const Paths& names, const std::string& algorithm,
                    const nb::object& on_progress) {
  const auto paths = paths_of(names);
  const Algorithm chosen = algorithm_of(algorithm);
  std::vector<Stored> stored;
  run_blocking(on_progress, [&](Progress& progress) -> Result<> {
    progress.bytes_total = total_size(paths);
    KACHERY_TRY(done, session->store_many(paths, chosen, progress));
    stored = std::move(done);
    return {};
  });
  return stored_as_list(stored);
}

nb::list link_many(PySession& session, const Paths& names, const std::string& algorithm,
                   const nb::object& on_progress) {
  const auto paths = paths_of(names);
  const Algorithm chosen = algorithm_of(algorithm);
  std::vector<Stored> linked;
  run_blocking(on_progress, [&](Progress& progress) -> Result<> {
    progress.bytes_total = total_size(paths);
    KACHERY_TRY(store, session->writing_store());
    KACHERY_TRY(done, store->link_files(paths, chosen, progress));
    linked = std::move(done);
    return {};
  });
  return stored_as_list(linked);
}

Writer writer(PySession& session, const std::string& algorithm) {
  return Writer(value_or_raise(session->writing_store())->create(algorithm_of(algorithm)));
}

// (path, size, kind)
nb::tuple locate(PySession& session, const nb::bytes& name, const nb::object& on_progress,
                 const PySources& where) {
  const Sources sources = sources_of(where);
  Located located;
  run_blocking(on_progress, [&, text = text_of(name)](Progress& progress) -> Result<> {
    KACHERY_TRY(found, session->locate(text, sources, progress));
    located = std::move(found);
    return {};
  });
  return nb::make_tuple(bytes_of(located.path.native()), located.size, located.kind);
}

void copy_to(PySession& session, const nb::bytes& name, const nb::bytes& destination,
             const nb::object& on_progress, const PySources& where) {
  const Sources sources = sources_of(where);
  run_blocking(on_progress, [&, text = text_of(name), target = text_of(destination)](Progress& progress) {
    return session->copy_to(text, target, sources, progress);
  });
}

// Content up to this size is read in the calling thread: to start another one would take longer, and there is
// nothing to interrupt or to tell of.
constexpr ByteCount kReadAtOnceMax = 256 << 10;

nb::object read(PySession& session, const nb::bytes& name, const nb::object& on_progress,
                const PySources& where) {
  const Sources sources = sources_of(where);
  nb::object content;
  ByteCount size_max = kReadAtOnceMax;
  bool too_large = false;
  const Store::Allocate allocate = [&](ByteCount size) {
    too_large = size > size_max;
    if (too_large) return std::span<std::byte>();
    const nb::gil_scoped_acquire locked;
    content = nb::steal(PyByteArray_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size)));
    if (content.is_valid()) return std::span(memory_of(content), size);
    PyErr_Clear();
    return std::span<std::byte>();
  };
  const auto work = [&, text = text_of(name)](const Sources& places, Progress& progress) {
    return session->read(text, allocate, places, progress);
  };
  // Where a URI names other places, much may be read before the size is known.
  const bool at_once = !text_of(name).contains("manifest=") && !text_of(name).contains("location=");
  if (at_once) {
    Result<> got;
    {
      const nb::gil_scoped_release unlocked;
      Progress unwatched;
      got = work({.local_only = true}, unwatched);
    }
    if (got) return content;
    const bool elsewhere = !sources.local_only && session->has_hub();
    if (!too_large && !elsewhere) raise(got.error());
  }
  size_max = ~ByteCount{0};
  run_blocking(on_progress, [&](Progress& progress) { return work(sources, progress); });
  return content;
}

// Bytes [start, end) of the content; None stands for its beginning and its end.
nb::object read_range(PySession& session, const nb::bytes& name, std::optional<std::int64_t> start,
                      std::optional<std::int64_t> end, const nb::object& on_progress,
                      const PySources& where) {
  const Sources sources = sources_of(where);
  nb::object content;
  run_blocking(on_progress, [&, text = text_of(name)](Progress& progress) -> Result<> {
    KACHERY_TRY(located, session->open(text, sources, progress));
    const std::int64_t size = static_cast<std::int64_t>(located.size);
    const std::int64_t from = start.value_or(0);
    const std::int64_t to = end.value_or(size);
    if (from < 0 || to < from || to > size)
      return fail(Code::invalid, "Invalid start/end range: " + std::to_string(from) + " to " +
                                     std::to_string(to) + " of " + std::to_string(size) + " bytes: " + text);
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

// gen1's manifest of a stored or linked file: its SHA-1, or None for a file of up to 20,000,000 bytes.
nb::object manifest(PySession& session, const std::string& sha1, const nb::object& on_progress) {
  const Digest digest = value_or_raise(Digest::parse(Algorithm::sha1, sha1));
  std::optional<Digest> kept;
  run_blocking(on_progress, [&](Progress& progress) -> Result<> {
    KACHERY_TRY(made, session->gen1_manifest(digest, progress));
    kept = made;
    return {};
  });
  return kept ? nb::cast(kept->hex()) : nb::none();
}

}  // namespace

void bind_content(nb::module_& m, SessionClass& session) {
  nb::class_<Writer>(m, "Writer").def("write", &Writer::write).def("commit", &Writer::commit);
  session.def("store_many", &store_many, nb::arg(), nb::arg(), nb::arg().none())
      .def("link_many", &link_many, nb::arg(), nb::arg(), nb::arg().none())
      .def("writer", &writer, nb::keep_alive<0, 1>())
      .def("locate", &locate, nb::arg(), nb::arg().none(), nb::arg())
      .def("copy_to", &copy_to, nb::arg(), nb::arg(), nb::arg().none(), nb::arg())
      .def("read", &read, nb::arg(), nb::arg().none(), nb::arg())
      .def("read_range", &read_range, nb::arg(), nb::arg().none(), nb::arg().none(), nb::arg().none(),
           nb::arg())
      .def("manifest", &manifest, nb::arg(), nb::arg("on_progress") = nb::none());
}

}  // namespace kachery::python
