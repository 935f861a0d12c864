// Content that is open: read at any place, from the very file whose hash was checked.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <memory>

#include "session.h"

namespace kachery::python {
namespace {

using Buffer = nb::ndarray<std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// Between two pieces Python can handle signals.
constexpr std::size_t kPieceBytes = 16 << 20;

// Thread-safe, and of use in a forked child: every read says where, nothing of a session is needed.
class Reader {
 public:
  Reader(Located located, const FileStamp& stamp)
      : file_(std::move(located.file)), path_(std::move(located.path)), kind_(located.kind), stamp_(stamp) {}

  ByteCount size() const { return stamp_.size; }
  nb::bytes path() const { return bytes_of(path_.native()); }
  const std::string& kind() const { return kind_; }

  // Fills `buffer` from `offset` on with up to a piece; 0 at the end of the content.
  std::size_t read_into(ByteCount offset, const Buffer& buffer) const {
    if (!file_) raise({Code::invalid, "this content was closed, and cannot be read any more"});
    if (offset >= size()) return 0;
    const std::size_t wanted = std::min<ByteCount>({buffer.size(), kPieceBytes, size() - offset});
    const std::span<std::byte> out(reinterpret_cast<std::byte*>(buffer.data()), wanted);
    Result<> filled;
    {
      const std::shared_ptr<const File> file = file_;
      const nb::gil_scoped_release unlocked;
      filled = fill(*file, offset, out);
    }
    if (!filled) raise(filled.error());
    return wanted;
  }

  void close() { file_.reset(); }

 private:
  Result<> fill(const File& file, ByteCount offset, std::span<std::byte> out) const {
    KACHERY_TRY(read_exactly(file, offset, out));
    if (kind_ != "link") return {};
    // Nobody changes an object, but a linked file is its owner's.
    KACHERY_TRY(now, file.stamp());
    if (now.size != stamp_.size || now.mtime_ns != stamp_.mtime_ns)
      return fail(Code::corrupt,
                  path_.native() + ": this linked file changed while it was being read; load it again");
    return {};
  }

  std::shared_ptr<const File> file_;  // Owned by the reader, and by whoever is reading while it is closed.
  std::filesystem::path path_;
  std::string kind_;
  FileStamp stamp_;  // When it was opened.
};

Reader open(PySession& session, const nb::bytes& name, const nb::object& on_progress,
            const PySources& where) {
  const Sources sources = sources_of(where);
  std::optional<Reader> reader;
  run_blocking(on_progress, [&, text = text_of(name)](Progress& progress) -> Result<> {
    KACHERY_TRY(located, session->open(text, sources, progress));
    KACHERY_TRY(stamp, located.file->stamp());
    reader.emplace(std::move(located), stamp);
    return {};
  });
  return *std::move(reader);
}

}  // namespace

void bind_reader(nb::module_& m, SessionClass& session) {
  nb::class_<Reader>(m, "Reader")
      .def_prop_ro("size", &Reader::size)
      .def_prop_ro("path", &Reader::path)
      .def_prop_ro("kind", &Reader::kind)
      .def("read_into", &Reader::read_into)
      .def("close", &Reader::close);
  session.def("open", &open, nb::arg(), nb::arg().none(), nb::arg(), nb::keep_alive<0, 1>());
}

}  // namespace kachery::python
