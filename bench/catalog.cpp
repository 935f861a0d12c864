// How many files a second a hub's catalog takes and finds: catalog DIRECTORY [FILES]. Everything in batches
// of 1,000, each one transaction that is on the disk when it returns; finds in batches of 10,000.
#include "hub/catalog/catalog.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>

#include "crypto/hasher.h"

namespace {

using namespace kachery;
using namespace kachery::hub;

template <class T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().message.c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

void report(const char* what, std::size_t files, const std::function<void()>& run) {
  const auto start = std::chrono::steady_clock::now();
  const std::clock_t used = std::clock();
  run();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const double processor = static_cast<double>(std::clock() - used) / CLOCKS_PER_SEC;
  std::printf("%-12s %8.0f files/s, %8.0f per second of processor\n", what,
              static_cast<double>(files) / took.count(), static_cast<double>(files) / processor);
}

SmallUpload file(std::string_view kind, std::size_t number) {
  const std::string content = std::string(kind) + std::to_string(number);
  const SentChunk chunk{Hasher::of(Algorithm::sha256, as_bytes(content)),
                        Hasher::of(Algorithm::sha1, as_bytes(content)), content.size()};
  return {chunk.sha1, chunk};
}

constexpr std::size_t kBatch = 1'000;
constexpr std::size_t kFindBatch = 10'000;

void store_by_uploads(Uploads& uploads, const Uploader& uploader, const std::vector<SmallUpload>& files) {
  std::vector<std::string> names;
  report("begin", files.size(), [&] {
    for (std::size_t i = 0; i < files.size(); i += kBatch) {
      std::vector<UploadRequest> requests;
      for (std::size_t j = i; j < i + kBatch; ++j) {
        const SentChunk& chunk = files[j].chunk;
        requests.push_back({files[j].digest, chunk.size, std::nullopt, {{chunk.sha256, chunk.size}}});
      }
      for (const UploadState& state : must(uploads.begin(uploader, requests, 0))) names.push_back(state.id);
    }
  });
  report("note_sent", kBatch, [&] {
    for (std::size_t i = 0; i < kBatch; ++i) must(uploads.note_sent(names[i], files[i].chunk));
  });
  for (std::size_t i = kBatch; i < files.size(); ++i) must(uploads.note_sent(names[i], files[i].chunk));
  report("commit", files.size(), [&] {
    for (std::size_t i = 0; i < files.size(); i += kBatch) {
      std::vector<Commit> commits;
      for (std::size_t j = i; j < i + kBatch; ++j) commits.push_back({names[j], {}, {}, {}});
      must(uploads.commit(uploader, commits, 0));
    }
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::size_t count = argc > 2 ? std::strtoul(argv[2], nullptr, 10) / kFindBatch * kFindBatch : 100'000;
  const auto catalog = must(Catalog::open(std::filesystem::path(argv[1]) / "catalog.db"));
  const Uploader uploader{*ZoneName::parse("z"), NodeId(NodeId::Key{}), *UserName::parse("u"), true};
  must(catalog->people().add_node(uploader.node, uploader.user, "", 0));
  must(catalog->zones().create_zone(uploader.zone, uploader.user, 0));

  std::vector<SmallUpload> files;
  std::vector<Digest> digests;
  for (std::size_t i = 0; i < count; ++i) {
    files.push_back(file("small ", i));
    digests.push_back(files.back().digest);
  }
  report("add_small", count, [&] {
    for (std::size_t i = 0; i < count; i += kBatch)
      must(catalog->uploads().add_small(uploader, {files.data() + i, kBatch}, {0}, 0));
  });
  report("find", count, [&] {
    for (std::size_t i = 0; i < count; i += kFindBatch)
      must(catalog->files().find(uploader.zone, {.zone = true}, {digests.data() + i, kFindBatch}));
  });
  std::vector<SmallUpload> others;
  for (std::size_t i = 0; i < kFindBatch; ++i) others.push_back(file("other ", i));
  store_by_uploads(catalog->uploads(), uploader, others);
  return 0;
}
