// Answers: the forms that answers come in.
#pragma once

#include <string>

#include "net/server.h"

namespace kachery::hub {

Response json_answer(std::string text);
Response text_answer(std::string content_type, std::string text);

// docs/protocol/README.md: the body of everything that is no success.
Response failure_answer(int status, const Error& error, const std::string& request, std::int64_t now_ms);

// What every answer has in its head.
void add_common_fields(Response& response, const std::string& request);

}  // namespace kachery::hub
