#include "store/layout.h"

namespace kachery {

std::string object_path(const Digest& digest) {
  const std::string hex = digest.hex();
  std::string path(algorithm_name(digest.algorithm()));
  for (const std::size_t begin : {0U, 2U, 4U}) path += "/" + hex.substr(begin, 2);
  return path + "/" + hex;
}

std::string link_path(const Digest& digest) {
  return std::string(kLinks) + "/" + object_path(digest);
}

std::string gen1_link_path(const Digest& digest) {
  return object_path(digest) + ".link";
}

std::optional<Digest> digest_of_path(std::string_view path) {
  const std::string prefix = std::string(kLinks) + "/";
  if (path.starts_with(prefix)) path.remove_prefix(prefix.size());
  const auto algorithm = algorithm_named(path.substr(0, path.find('/')));
  if (!algorithm) return std::nullopt;
  const auto digest = Digest::parse(*algorithm, path.substr(path.rfind('/') + 1));
  if (!digest || object_path(*digest) != path) return std::nullopt;
  return *digest;
}

}  // namespace kachery
