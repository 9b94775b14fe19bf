#pragma once

#include <string>
#include <vector>

#include "wq-push/item_source.h"

namespace wq::push {

/// All that a source, or anything else with such a `next`, gives until its end.
template <typename Source>
std::vector<std::string> all_of(Source& source) {
  std::vector<std::string> items;
  for (std::string item; source.next(item);) items.push_back(item);
  return items;
}

}  // namespace wq::push
