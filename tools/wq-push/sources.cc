#include "wq-push/sources.h"

#include <utility>

#include "wq-push/argument_source.h"
#include "wq-push/file_contents.h"
#include "wq-push/json_lines.h"
#include "wq-push/key_source.h"
#include "wq-push/stream_group.h"
#include "wq-push/stream_source.h"

namespace wq::push {

namespace {

/// Files one after the other, each opened when its turn comes.
class Files : public ItemSource {
 public:
  Files(std::vector<std::string> paths, Records records, std::uint64_t max_item_bytes,
        InputWait& wait)
      : paths_(std::move(paths)), records_(records), max_item_bytes_(max_item_bytes), wait_(wait) {}

  bool next(std::string& item) override {
    while (true) {
      if (current_ && current_->next(item)) return true;
      if (begun_ == paths_.size() || wait_.stopped()) return false;
      current_.emplace(paths_[begun_++], records_, max_item_bytes_, wait_);
    }
  }

  std::string position() const override { return current_ ? current_->position() : ""; }

  std::optional<double> fraction() const override {
    const auto part = current_ ? current_->fraction() : std::nullopt;
    if (!part) return std::nullopt;
    return (static_cast<double>(begun_ - 1) + *part) / static_cast<double>(paths_.size());
  }

 private:
  const std::vector<std::string> paths_;
  const Records records_;
  const std::uint64_t max_item_bytes_;
  InputWait& wait_;
  std::size_t begun_ = 0;
  std::optional<RecordSource> current_;
};

class Both : public ItemSource {
 public:
  Both(std::unique_ptr<ItemSource> first, std::unique_ptr<ItemSource> second)
      : first_(std::move(first)), second_(std::move(second)) {}

  bool next(std::string& item) override {
    if (in_first_ && first_->next(item)) return true;
    in_first_ = false;
    return second_->next(item);
  }

  const ItemTerms* terms() const override { return in_first_ ? first_->terms() : second_->terms(); }

  std::string position() const override {
    return in_first_ ? first_->position() : second_->position();
  }

 private:
  const std::unique_ptr<ItemSource> first_;
  const std::unique_ptr<ItemSource> second_;
  bool in_first_ = true;
};

}  // namespace

std::unique_ptr<ItemSource> make_source(const SourceOptions& options, InputWait& wait,
                                        const FromRedis& from) {
  if (!options.keys.empty()) {
    return std::make_unique<KeySource>(KeySource::Search{from.queue, options.keys, options.field},
                                       from.redis, wait);
  }
  if (!options.stream.empty()) {
    StreamSearch search{options.stream, options.field, from.most_entries};
    if (!options.follow) {
      return std::make_unique<StreamSource>(std::move(search), from.redis, wait);
    }
    return std::make_unique<StreamGroup>(std::move(search), from.queue, from.redis, wait,
                                         from.confirm);
  }
  std::unique_ptr<ItemSource> source;
  if (!options.arguments.empty()) {
    source = std::make_unique<ArgumentSource>(options.arguments, options.literal);
  }
  std::vector<std::string> files = options.files;
  if (files.empty() && !source) files.emplace_back("-");
  for (const std::string& file : files) {
    if (file != "-") check_readable(file);
  }
  if (!files.empty()) {
    std::unique_ptr<ItemSource> records =
        std::make_unique<Files>(std::move(files), options.records, options.max_item_bytes, wait);
    if (options.json_lines) records = std::make_unique<JsonLines>(std::move(records));
    source =
        source ? std::make_unique<Both>(std::move(source), std::move(records)) : std::move(records);
  }
  if (!options.each_file) return source;
  return std::make_unique<FileContents>(std::move(source), options.max_item_bytes, wait);
}

}  // namespace wq::push
