#include "hub/hub_directory.h"

#include <fmt/format.h>

#include "crypto/certificate.h"
#include "crypto/hasher.h"
#include "os/random.h"
#include "os/replacement.h"
#include "os/secret_file.h"

namespace kachery::hub {
namespace {

constexpr const char* kLock = "lock";
constexpr const char* kAdministratorToken = "admin-token";
constexpr const char* kMetricsToken = "metrics-token";
constexpr const char* kProxySecret = "proxy-secret";
constexpr const char* kUrlKey = "url-key";
constexpr const char* kCertificate = "certificate.pem";
constexpr const char* kPrivateKey = "private-key.pem";
constexpr const char* kAddress = "address";

// So that programs which look for secrets in the wrong places know ours.
constexpr std::string_view kAdministratorPrefix = "kachery-admin-";
constexpr std::string_view kMetricsPrefix = "kachery-metrics-";
constexpr std::string_view kProxyPrefix = "kachery-proxy-";

constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kSecretFileMax = 256;
constexpr std::size_t kPemMax = 1 << 20;  // A chain of certificates has a few KB.
constexpr std::size_t kAddressMax = 2048;

Result<> create_secret(const std::filesystem::path& path, std::string_view text) {
  KACHERY_TRY(file, create_secret_file(path));
  KACHERY_TRY(file->append(as_bytes(text)));
  return file->commit();
}

// Without the line feed at its end.
Result<Secret> read_line(const std::filesystem::path& path, std::size_t size_max) {
  KACHERY_TRY(secret, read_secret_file(path, size_max));
  std::string_view text = secret.text();
  while (text.ends_with('\n')) text.remove_suffix(1);
  return Secret(as_bytes(text));
}

// The secret at `path`: `prefix` and 64 digits, made at random where there is none.
Result<Secret> secret_at(const std::filesystem::path& path, std::string_view prefix) {
  auto found = read_line(path, kSecretFileMax);
  if (!found && found.error().code == Code::not_found) {
    KACHERY_TRY(create_secret(path, fmt::format("{}{}\n", prefix, random_hex(kSecretBytes))));
    found = read_line(path, kSecretFileMax);
  }
  if (!found) return std::unexpected(std::move(found).error());
  if (!found->text().starts_with(prefix) || found->text().size() < prefix.size() + 2 * kSecretBytes)
    return fail(
        Code::corrupt,
        fmt::format("{} is not what a hub has made; to have a new one made, move it away and start the "
                    "hub again",
                    path.native()));
  return found;
}

Digest sha256(const Secret& secret) {
  return Hasher::of(Algorithm::sha256, secret.bytes());
}

Result<std::string> read_text(const std::filesystem::path& path, std::size_t size_max) {
  KACHERY_TRY(file, open_user_file(path));
  KACHERY_TRY(stamp, file->stamp());
  if (stamp.size > size_max) return fail(Code::invalid, path.native() + " is too long for what it should be");
  std::string text(stamp.size, '\0');
  KACHERY_TRY(read_exactly(*file, 0, std::as_writable_bytes(std::span(text))));
  return text;
}

std::unexpected<Error> no_hub(const std::filesystem::path& directory, const Error& error) {
  if (error.code != Code::not_found) return std::unexpected(error);
  return fail(Code::not_found, "no hub was started in " + directory.native() +
                                   "; start one with kachery hub serve --dir " + directory.native());
}

}  // namespace

Result<HubDirectory> HubDirectory::open(const std::filesystem::path& path) {
  KACHERY_TRY(make_own_directory(path, Audience::writers));
  KACHERY_TRY(check_secret_directory(path));
  if (is_network_file_system(path))
    return fail(Code::invalid, path.native() +
                                   " is on a network file system, where a hub's catalog would be "
                                   "damaged sooner or later; take a directory of this machine");
  KACHERY_TRY(root, open_directory(path, Missing::fail));
  auto lock = root->lock(kLock, Hold::alone);
  if (!lock && lock.error().code == Code::unavailable)
    return fail(Code::exists, "another process serves " + path.native() +
                                  "; stop that one first, or take "
                                  "another --dir");
  if (!lock) return std::unexpected(std::move(lock).error());
  const auto token = root->stamp(kAdministratorToken);
  if (!token && token.error().code != Code::not_found) return std::unexpected(token.error());
  return HubDirectory(path, !token.has_value(), std::move(root), *std::move(lock));
}

Result<Tokens> HubDirectory::tokens() const {
  KACHERY_TRY(administrator, secret_at(path(kAdministratorToken), kAdministratorPrefix));
  KACHERY_TRY(metrics, secret_at(path(kMetricsToken), kMetricsPrefix));
  KACHERY_TRY(proxy, secret_at(path(kProxySecret), kProxyPrefix));
  return Tokens{sha256(administrator), sha256(metrics), sha256(proxy)};
}

Result<Secret> HubDirectory::url_key() const {
  return secret_at(path(kUrlKey), "");
}

Result<TlsIdentity> HubDirectory::own_certificate(std::span<const std::string> hosts) const {
  const auto key = root_->stamp(kPrivateKey);
  if (!key && key.error().code == Code::not_found) {
    KACHERY_TRY(made, make_self_signed(hosts));
    // The key comes last: where it is, everything is. A certificate without one is of a start that was cut
    // off.
    const auto removed = root_->remove(kCertificate);
    if (!removed && removed.error().code != Code::not_found) return std::unexpected(removed.error());
    KACHERY_TRY(create_secret(path(kCertificate), made.certificate));
    KACHERY_TRY(create_secret(path(kPrivateKey), made.private_key.text()));
  }
  return read_certificate(path(kCertificate), path(kPrivateKey));
}

Result<> HubDirectory::note_address(const std::string& address) const {
  const auto removed = root_->remove(kAddress);
  if (!removed && removed.error().code != Code::not_found) return std::unexpected(removed.error());
  return create_secret(path(kAddress), address + "\n");
}

Result<Secret> read_administrator_token(const std::filesystem::path& directory) {
  auto token = read_line(directory / kAdministratorToken, kSecretFileMax);
  if (!token) return no_hub(directory, token.error());
  return token;
}

Result<Secret> read_proxy_secret(const std::filesystem::path& directory) {
  auto secret = read_line(directory / kProxySecret, kSecretFileMax);
  if (!secret) return no_hub(directory, secret.error());
  return secret;
}

Result<Url> read_local_address(const std::filesystem::path& directory) {
  const auto address = read_line(directory / kAddress, kAddressMax);
  if (!address) return no_hub(directory, address.error());
  return Url::parse(address->text());
}

Result<TlsIdentity> read_certificate(const std::filesystem::path& certificate,
                                     const std::filesystem::path& private_key) {
  KACHERY_TRY(chain, read_text(certificate, kPemMax));
  const auto fingerprint = certificate_fingerprint(chain);
  if (!fingerprint)
    return fail(Code::invalid,
                certificate.native() + " is no certificate (PEM): " + fingerprint.error().message);
  KACHERY_TRY(key, read_secret_file(private_key, kPemMax));
  return TlsIdentity{std::move(chain), std::move(key)};
}

}  // namespace kachery::hub
