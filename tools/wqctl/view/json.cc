#include "wqctl/view/json.h"

#include "cli/base64.h"
#include "cli/output.h"

namespace wq::ctl {

void put_bytes(Json& json, const std::string& name, std::string_view bytes) {
  const Json text(bytes);
  try {
    static_cast<void>(text.dump());
    json[name] = text;
  } catch (const Json::type_error&) {
    json[name + "_base64"] = cli::base64(bytes);
  }
}

std::string json_line(const Json& json) {
  return cli::json_text(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace wq::ctl
