#include "crypto/certificate.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>

#include "crypto/hasher.h"

namespace kachery {
namespace {

struct FreeBio {
  void operator()(BIO* memory) const { BIO_free(memory); }
};
using Memory = std::unique_ptr<BIO, FreeBio>;

std::shared_ptr<X509> read_certificate(const std::string& pem) {
  const Memory memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return {PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr), X509_free};
}

std::shared_ptr<EVP_PKEY> read_key(std::string_view pem) {
  const Memory memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return {PEM_read_bio_PrivateKey(memory.get(), nullptr, nullptr, nullptr), EVP_PKEY_free};
}

// As a client does to whom the certificate was given as one to trust.
bool is_good_for(X509* certificate, const std::string& host, bool is_address) {
  const std::shared_ptr<X509_STORE> store(X509_STORE_new(), X509_STORE_free);
  X509_STORE_add_cert(store.get(), certificate);
  const std::shared_ptr<X509_STORE_CTX> context(X509_STORE_CTX_new(), X509_STORE_CTX_free);
  X509_STORE_CTX_init(context.get(), store.get(), certificate, nullptr);
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER);
  EXPECT_EQ(is_address ? X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str())
                       : X509_VERIFY_PARAM_set1_host(parameters, host.c_str(), host.size()),
            1);
  return X509_verify_cert(context.get()) == 1;
}

TEST(SelfSigned, IsGoodForItsHostsAndNoOther) {
  const std::array<std::string, 4> hosts{"hub.example", "127.0.0.1", "[2001:db8::1]", "::1"};
  const auto made = make_self_signed(hosts);
  ASSERT_TRUE(made) << made.error().message;
  const auto certificate = read_certificate(made->certificate);
  ASSERT_TRUE(certificate);
  EXPECT_TRUE(is_good_for(certificate.get(), "hub.example", false));
  EXPECT_TRUE(is_good_for(certificate.get(), "127.0.0.1", true));
  EXPECT_TRUE(is_good_for(certificate.get(), "2001:db8::1", true));
  EXPECT_TRUE(is_good_for(certificate.get(), "::1", true));
  EXPECT_FALSE(is_good_for(certificate.get(), "other.example", false));
  EXPECT_FALSE(is_good_for(certificate.get(), "127.0.0.2", true));
  EXPECT_EQ(X509_check_ca(certificate.get()), 0) << "it signs no others";
}

TEST(SelfSigned, LivesTenYearsUnderASerialOfItsOwn) {
  const std::array<std::string, 1> hosts{"hub.example"};
  const auto one = make_self_signed(hosts);
  const auto other = make_self_signed(hosts);
  const auto certificate = read_certificate(one->certificate);
  int days = 0;
  int seconds = 0;
  ASSERT_EQ(ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(certificate.get()),
                           X509_get0_notAfter(certificate.get())),
            1);
  EXPECT_EQ(days, 3651);
  EXPECT_LT(X509_cmp_current_time(X509_get0_notBefore(certificate.get())), 0);
  EXPECT_NE(ASN1_INTEGER_cmp(X509_get0_serialNumber(certificate.get()),
                             X509_get0_serialNumber(read_certificate(other->certificate).get())),
            0);
  EXPECT_NE(*certificate_fingerprint(one->certificate), *certificate_fingerprint(other->certificate));
}

TEST(SelfSigned, HasTheKeyThatBelongsToIt) {
  const auto made = make_self_signed(std::array<std::string, 1>{"localhost"});
  const auto certificate = read_certificate(made->certificate);
  const auto key = read_key(made->private_key.text());
  ASSERT_TRUE(key);
  EXPECT_EQ(X509_check_private_key(certificate.get(), key.get()), 1);
  EXPECT_EQ(EVP_PKEY_get_bits(key.get()), 256);
  EXPECT_TRUE(made->private_key.text().starts_with("-----BEGIN PRIVATE KEY-----\n"));
  EXPECT_FALSE(made->certificate.contains("PRIVATE"));

  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  ASSERT_GT(size, 0);
  EXPECT_EQ(
      *certificate_fingerprint(made->certificate),
      Hasher::of(Algorithm::sha256, std::as_bytes(std::span(der, static_cast<std::size_t>(size)))).hex());
  OPENSSL_free(der);
}

TEST(SelfSigned, IsNotMadeForWhatIsNoHost) {
  for (const std::string& host :
       {std::string(), std::string("a b"), std::string("a,DNS:b"), std::string("a\nb"),
        std::string("127.0.0.1\0x", 11), std::string("h\xC3\xBC"), std::string(300, 'a')}) {
    const auto made = make_self_signed(std::array{std::string("good.example"), host});
    ASSERT_FALSE(made) << host;
    EXPECT_EQ(made.error().code, Code::invalid);
  }
}

TEST(CertificateFingerprint, IsOfTheFirstCertificateOnly) {
  const std::array<std::string, 1> hosts{"localhost"};
  const auto one = make_self_signed(hosts);
  const auto other = make_self_signed(hosts);
  EXPECT_EQ(*certificate_fingerprint(one->certificate + other->certificate),
            *certificate_fingerprint(one->certificate));
  for (const std::string& text : {std::string(), std::string("x"), one->certificate.substr(0, 200),
                                  std::string(one->private_key.text())})
    EXPECT_EQ(certificate_fingerprint(text).error().code, Code::corrupt);
}

}  // namespace
}  // namespace kachery
