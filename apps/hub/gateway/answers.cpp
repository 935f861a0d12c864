#include "hub/gateway/answers.h"

#include "wire/hub.h"

namespace kachery::hub {

Response json_answer(std::string text) {
  return text_answer("application/json", std::move(text));
}

Response text_answer(std::string content_type, std::string text) {
  Response response;
  response.fields.add("Content-Type", std::move(content_type));
  response.body = std::move(text);
  return response;
}

Response failure_answer(int status, const Error& error, const std::string& request, std::int64_t now_ms) {
  Response response = json_answer(wire::print(wire::Failure{{error.code, error.message, request}, now_ms}));
  response.status = status;
  return response;
}

void add_common_fields(Response& response, const std::string& request) {
  response.fields.add("Kachery-Request", request);
  response.fields.add("Cache-Control", "no-store");
  response.fields.add("X-Content-Type-Options", "nosniff");
}

}  // namespace kachery::hub
