// HubDirectory: what lies in the directory of a hub, and that one process at a time serves it.
// docs/guide/hub.md.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "core/secret.h"
#include "hub/services.h"
#include "net/server.h"
#include "os/directory.h"

namespace kachery::hub {

// Blocking; one thread. Everything that it makes is durable, and for the owner alone.
class HubDirectory {
 public:
  // Makes the directory if it is missing, and takes it until the object is destroyed. Code::exists if another
  // process serves it; Code::denied if others may enter it; Code::invalid on a network file system.
  static Result<HubDirectory> open(const std::filesystem::path& path);

  // Whether the hub was started here before.
  bool is_new() const { return is_new_; }
  std::filesystem::path path(std::string_view name) const { return path_ / name; }

  // Made at the first call. Code::denied if somebody else may read their files.
  Result<Tokens> tokens() const;
  Result<Secret> url_key() const;
  // The certificate that is kept here, made for `hosts` if there is none yet.
  Result<TlsIdentity> own_certificate(std::span<const std::string> hosts) const;

  // Notes how the hub is reached on this machine, for `kachery hub admin`.
  Result<> note_address(const std::string& address) const;

 private:
  HubDirectory(std::filesystem::path path, bool is_new, std::unique_ptr<Directory> root,
               std::unique_ptr<Lock> lock)
      : path_(std::move(path)), is_new_(is_new), root_(std::move(root)), lock_(std::move(lock)) {}

  std::filesystem::path path_;
  bool is_new_;
  std::unique_ptr<Directory> root_;
  std::unique_ptr<Lock> lock_;
};

// What `serve` left for `kachery hub admin` in a hub's directory: the administrator's token, the older
// proxy's secret, and how the hub is reached on this machine. Code::not_found where no hub was started there.
Result<Secret> read_administrator_token(const std::filesystem::path& directory);
Result<Secret> read_proxy_secret(const std::filesystem::path& directory);
Result<Url> read_local_address(const std::filesystem::path& directory);

// A certificate and its key as files: read, and for the key that nobody else may read it. Code::invalid if
// either is not what it should be.
Result<TlsIdentity> read_certificate(const std::filesystem::path& certificate,
                                     const std::filesystem::path& private_key);

}  // namespace kachery::hub
