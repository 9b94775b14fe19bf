#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "wq-push/input.h"
#include "wq-push/item_source.h"

namespace wq::push {

/// The whole contents of files, each an item: the names come from another source. An empty file is
/// an empty item.
class FileContents : public ItemSource {
 public:
  /// `wait` must outlive this object.
  FileContents(std::unique_ptr<ItemSource> names, std::uint64_t max_item_bytes, InputWait& wait);

  bool next(std::string& item) override;
  std::string position() const override;
  std::optional<double> fraction() const override { return names_->fraction(); }

 private:
  const std::unique_ptr<ItemSource> names_;
  const std::uint64_t max_item_bytes_;
  InputWait& wait_;
  std::string name_;
};

}  // namespace wq::push
