// The floor under storing and linking: read(2) in pieces of 1 MiB and one SHA-1 stream by OpenSSL, nothing
// else.
//   hash_only FILE            one file
//   hash_only --from LIST     the files that the list names, each name ended by a NUL byte
#include <cstdio>
#include <string>
#include <vector>

#include "bare.h"

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const bool listed = words.size() == 2 && words[0] == "--from";
  if (!listed && words.size() != 1) {
    std::fputs("usage: hash_only FILE | hash_only --from LIST\n", stderr);
    return 2;
  }
  bare::Sha1 sha1;
  std::vector<char> buffer(bare::kPieceBytes);
  for (const std::string& path : listed ? bare::read_names(words[1]) : words) {
    const bare::Descriptor file(path, O_RDONLY);
    while (const std::size_t size = bare::read_piece(file, buffer)) sha1.update(buffer.data(), size);
    std::printf("%s  %s\n", sha1.finish().c_str(), path.c_str());
  }
  return 0;
}
