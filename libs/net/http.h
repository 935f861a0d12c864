// HTTP as both sides know it: methods, fields, heads. RFC 9110, RFC 9112.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"

namespace kachery {

enum class Method : std::uint8_t { get, head, post, put, delete_, options };

std::string_view method_name(Method method);  // "GET"

struct HttpField {
  std::string name;
  std::string value;
};

// Fields in the order they came; names are compared without regard to case.
class HttpFields {
 public:
  HttpFields() = default;
  HttpFields(std::initializer_list<HttpField> fields) : fields_(fields) {}

  // The value of the first field of that name, or null.
  const std::string* find(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  void add(std::string name, std::string value) { fields_.push_back({std::move(name), std::move(value)}); }
  void add(const HttpFields& more);

  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  std::size_t size() const { return fields_.size(); }

 private:
  std::vector<HttpField> fields_;
};

// A request before its body, as a server got it. Every part is as it was sent, but checked for form.
struct RequestHead {
  Method method;
  std::string path;   // "/v1/files/find"; printable ASCII, begins with "/".
  std::string query;  // "a=b", without the question mark; empty where there is none.
  HttpFields fields;
  std::string peer;  // The address of whoever is connected, or that a trusted proxy names: "127.0.0.1".
  bool secure;       // Whether it came through TLS, to us or to a trusted proxy.
  std::string id;    // 32 random digits, for the log and for error messages.
};

}  // namespace kachery
