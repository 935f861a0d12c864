// gen1's manifests of what is in a store: made, and read through.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "core/progress.h"
#include "core/uri.h"
#include "os/file.h"
#include "store/store.h"

namespace kachery {

// The manifest of a file that is in the store, kept as an object of its own; none for a file that is not
// larger than one chunk. Reads the file once more, on `threads` threads.
Result<std::optional<Digest>> keep_gen1_manifest(Store& store, const Digest& sha1, std::size_t threads,
                                                 Progress& progress);

// Where content is to be found, by its digest.
using FindContent = std::function<Result<Found>(const Digest&)>;

// A file whose bytes lie in chunks, as one to read from: `digest` and `manifest` name it. Each chunk is
// looked for, and its hash checked, when it is read for the first time: what is not touched may be missing.
// `find` outlives the file. Code::not_found without the manifest, Code::corrupt if that is about other
// content.
Result<std::unique_ptr<File>> open_chunked(const Digest& digest, const Digest& manifest,
                                           const FindContent& find);

}  // namespace kachery
