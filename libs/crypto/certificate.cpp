#include "crypto/certificate.h"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>

#include "core/text.h"
#include "crypto/hasher.h"

namespace kachery {
namespace {

template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Number = std::unique_ptr<BIGNUM, Free<BN_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;
using AltName = std::unique_ptr<GENERAL_NAME, Free<GENERAL_NAME_free>>;
using AltNames = std::unique_ptr<GENERAL_NAMES, Free<GENERAL_NAMES_free>>;
using Memory = std::unique_ptr<BIO, Free<BIO_free>>;
using Address = std::unique_ptr<ASN1_OCTET_STRING, Free<ASN1_OCTET_STRING_free>>;

constexpr long kDayS = 24L * 60 * 60;
constexpr int kSerialBits = 128;

// What the library refuses only when its memory is gone, or we have made a mistake.
void must(int answer) {
  KACHERY_ASSERT(answer == 1);
}
template <class T>
T* must(T* made) {
  KACHERY_ASSERT(made != nullptr);
  return made;
}

std::string_view text_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

bool is_host_name(std::string_view host) {
  constexpr std::size_t kSizeMax = 253;
  return !host.empty() && host.size() <= kSizeMax && std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(".-_").contains(c);
  });
}

// RFC 5280 section 4.2.1.6.
Result<AltName> alt_name(std::string host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  AltName name(must(GENERAL_NAME_new()));
  if (Address address{a2i_IPADDRESS(host.c_str())}; address && !host.contains('\0')) {
    GENERAL_NAME_set0_value(name.get(), GEN_IPADD, address.release());
    return name;
  }
  if (!is_host_name(host))
    return fail(Code::invalid,
                fmt::format("cannot make a certificate for '{}': it is neither the name of a host nor "
                            "an address",
                            printable(host)));
  std::unique_ptr<ASN1_IA5STRING, Free<ASN1_IA5STRING_free>> text(must(ASN1_IA5STRING_new()));
  must(ASN1_STRING_set(text.get(), host.data(), static_cast<int>(host.size())));
  GENERAL_NAME_set0_value(name.get(), GEN_DNS, text.release());
  return name;
}

Result<> add_hosts(X509* certificate, std::span<const std::string> hosts) {
  const AltNames names(must(GENERAL_NAMES_new()));
  for (const std::string& host : hosts) {
    KACHERY_TRY(name, alt_name(host));
    KACHERY_ASSERT(sk_GENERAL_NAME_push(names.get(), name.release()) > 0);
  }
  must(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT));
  return {};
}

void add_extension(X509* certificate, int nid, const char* value) {
  const Extension extension(must(X509V3_EXT_conf_nid(nullptr, nullptr, nid, value)));
  must(X509_add_ext(certificate, extension.get(), -1));
}

void set_serial(X509* certificate) {
  const Number serial(must(BN_new()));
  must(BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY));
  must(BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)));
}

void set_name_and_times(X509* certificate) {
  constexpr std::string_view kName = "kachery hub";
  X509_NAME* name = X509_get_subject_name(certificate);
  must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                  reinterpret_cast<const unsigned char*>(kName.data()),
                                  static_cast<int>(kName.size()), -1, 0));
  must(X509_set_issuer_name(certificate, name));
  must(X509_gmtime_adj(X509_getm_notBefore(certificate), -kDayS));
  must(X509_time_adj_ex(X509_getm_notAfter(certificate), 10 * 365, 0, nullptr));
}

}  // namespace

Result<SelfSigned> make_self_signed(std::span<const std::string> hosts) {
  KACHERY_ASSERT(!hosts.empty());
  const Key key(must(EVP_EC_gen("P-256")));
  const Certificate certificate(must(X509_new()));
  must(X509_set_version(certificate.get(), X509_VERSION_3));
  set_serial(certificate.get());
  set_name_and_times(certificate.get());
  must(X509_set_pubkey(certificate.get(), key.get()));
  KACHERY_TRY(add_hosts(certificate.get(), hosts));
  add_extension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(certificate.get(), NID_key_usage, "critical,digitalSignature");
  add_extension(certificate.get(), NID_ext_key_usage, "serverAuth");
  KACHERY_ASSERT(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);

  const Memory public_part(must(BIO_new(BIO_s_mem())));
  must(PEM_write_bio_X509(public_part.get(), certificate.get()));
  // Wiped when it is freed.
  const Memory secret_part(must(BIO_new(BIO_s_secmem())));
  must(PEM_write_bio_PKCS8PrivateKey(secret_part.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr));
  return SelfSigned{std::string(text_of(public_part.get())), Secret(as_bytes(text_of(secret_part.get())))};
}

Result<std::string> certificate_fingerprint(std::string_view pem) {
  const Memory memory(must(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))));
  const Certificate certificate(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
  if (!certificate) return fail(Code::corrupt, "not a certificate in PEM form");
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate.get()), &der);
  KACHERY_ASSERT(size > 0);
  const Digest digest =
      Hasher::of(Algorithm::sha256, std::as_bytes(std::span(der, static_cast<std::size_t>(size))));
  OPENSSL_free(der);
  return digest.hex();
}

}  // namespace kachery
