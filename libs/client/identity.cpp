#include "client/identity.h"

#include "client/settings.h"
#include "crypto/pem.h"
#include "os/directory.h"
#include "os/replacement.h"
#include "os/secret_file.h"

namespace kachery {
namespace {

constexpr const char* kIdVariable = "KACHERY_CLOUD_CLIENT_ID";
constexpr const char* kKeyVariable = "KACHERY_CLOUD_PRIVATE_KEY";
constexpr const char* kHex = " a key: 64 lower-case hexadecimal digits, and nothing else";

// A key file has 118 bytes.
constexpr std::size_t kPemSizeMax = 4096;

Result<std::optional<KeyPair>> from_environment() {
  const auto id_text = environment(kIdVariable);
  const auto key_text = environment(kKeyVariable);
  if (!id_text && !key_text) return std::nullopt;
  if (!id_text || !key_text)
    return fail(Code::invalid, std::string(id_text ? kIdVariable : kKeyVariable) + " is set, but " +
                                   (id_text ? kKeyVariable : kIdVariable) +
                                   " is not: set both, or none to use the key files");
  // Neither is shown: people who exchange the two must not find the key in a log.
  const Result<NodeId> id = NodeId::parse(*id_text);
  if (!id) return fail(Code::invalid, std::string(kIdVariable) + " is not" + kHex);
  Secret seed(KeyPair::kSeedSize);
  if (!from_hex(*key_text, seed.bytes()))
    return fail(Code::invalid, std::string(kKeyVariable) + " is not" + kHex);
  KeyPair pair(seed.bytes());
  if (pair.node_id() != *id)
    return fail(Code::invalid, std::string(kKeyVariable) + " is not the key of the node that " + kIdVariable +
                                   " names (are the two exchanged?)");
  return pair;
}

// The two files of a pair.
struct KeyFiles {
  explicit KeyFiles(const std::filesystem::path& directory)
      : private_key(directory / "private.pem"), public_key(directory / "public.pem") {}

  std::filesystem::path private_key;
  std::filesystem::path public_key;
};

Result<std::string> read_text(const std::filesystem::path& path) {
  KACHERY_TRY(file, open_user_file(path));
  std::string text(kPemSizeMax, '\0');
  KACHERY_TRY(size, file->read_at(0, std::as_writable_bytes(std::span(text))));
  text.resize(size);
  return text;
}

// Nothing where there is none.
Result<std::optional<NodeId>> read_public(const KeyFiles& files) {
  const Result<std::string> text = read_text(files.public_key);
  if (!text && text.error().code == Code::not_found) return std::nullopt;
  if (!text) return std::unexpected(text.error());
  const Result<NodeId> id = parse_public_pem(*text);
  if (!id)
    return fail(Code::corrupt, files.public_key.native() + ": " + id.error().message +
                                   "; it is damaged. The private key is enough: remove " +
                                   files.public_key.native() + " and it is written again");
  return *id;
}

Result<> write_new(const std::filesystem::path& path, ByteView text) {
  KACHERY_TRY(file, create_secret_file(path));
  KACHERY_TRY(file->append(text));
  Result<> committed = file->commit();
  if (!committed && committed.error().code == Code::exists) return {};  // Somebody else was quicker.
  return committed;
}

// Nothing where there is no pair.
Result<std::optional<KeyPair>> read_pair(const KeyFiles& files) {
  // In this order, because they are made in the other one.
  KACHERY_TRY(id, read_public(files));
  Result<Secret> text = read_secret_file(files.private_key, kPemSizeMax);
  if (!text && text.error().code != Code::not_found) return std::unexpected(std::move(text).error());
  if (!text && !id) return std::nullopt;
  if (!text)
    return fail(Code::corrupt,
                files.public_key.native() + " has a key whose " + files.private_key.native() +
                    " is missing: bring that back, or, to become another node, move the first away");
  Result<KeyPair> pair = parse_private_pem(text->text());
  if (!pair)
    return fail(Code::corrupt,
                files.private_key.native() + ": " + pair.error().message +
                    "; it is damaged: bring it back from a copy, or, to become another node, move "
                    "it and public.pem away");
  if (id && pair->node_id() != *id)
    return fail(Code::corrupt, files.private_key.native() + " is the key of node " + pair->node_id().hex() +
                                   ", but public.pem beside it is of node " + id->hex() +
                                   ": bring back the one that fits, or, if the private key is right, remove "
                                   "public.pem");
  return *std::move(pair);
}

// Where a new pair belongs. The pair that is there then: `made`, or that of somebody who was quicker.
Result<std::optional<KeyPair>> write_pair(const Configuration& configuration, const KeyPair& made) {
  KACHERY_TRY(directories, key_directories(configuration));
  const std::filesystem::path& directory = directories.front();
  const bool in_state = directory.parent_path() == configuration.state_directory;
  KACHERY_TRY(make_own_directory(directory, in_state ? Audience::writers : Audience::readers));
  const KeyFiles files(directory);
  KACHERY_TRY(write_new(files.private_key, private_pem(made).bytes()));
  KACHERY_TRY(pair, read_pair(files));
  if (!pair) return fail(Code::internal, files.private_key.native() + " was removed while it was made");
  KACHERY_TRY(write_new(files.public_key, as_bytes(public_pem(pair->node_id()))));
  return pair;
}

}  // namespace

Result<std::optional<KeyPair>> find_identity(const Configuration& configuration, MissingKey missing) {
  KACHERY_TRY(given, from_environment());
  if (given) return given;
  KACHERY_TRY(directories, key_directories(configuration));
  const std::filesystem::path& first = directories.front();
  for (const auto& directory : directories) {
    const KeyFiles files(directory);
    // In a directory that several people share there may be the keys of one of them.
    if (directory != first && is_of_another_user(files.private_key)) continue;
    KACHERY_TRY(pair, read_pair(files));
    if (!pair) continue;
    // Only for other programs: whoever has the private key needs no public.pem.
    if (missing == MissingKey::generate && directory == first)
      static_cast<void>(write_new(files.public_key, as_bytes(public_pem(pair->node_id()))));
    return pair;
  }
  if (missing == MissingKey::none) return std::nullopt;
  return write_pair(configuration, KeyPair::generate());
}

Result<> adopt_identity(const Configuration& configuration, const KeyPair& pair) {
  KACHERY_TRY(current, find_identity(configuration, MissingKey::none));
  if (!current) {
    KACHERY_TRY(written, write_pair(configuration, pair));
    current = std::move(written);
  }
  if (current->node_id() == pair.node_id()) return {};
  return fail(Code::exists, "this is node " + current->node_id().hex() + " already, and does not become " +
                                pair.node_id().hex() + ": use another store (KACHERY_DIR) for that");
}

}  // namespace kachery
