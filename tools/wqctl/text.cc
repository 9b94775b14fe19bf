#include "wqctl/text.h"

#include "wqctl/json.h"

namespace wq::ctl {

std::string result_json(const Result& result) {
  Json json = {{"id", result.id}};
  put_bytes(json, "item", result.item);
  put_bytes(json, "result", result.result);
  json["fence"] = result.fence;
  return json_line(json);
}

}  // namespace wq::ctl
