// Reads pages: an item is the path of an image, its result the text on it. The model is loaded once
// for each slot, and stays.
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <leptonica/allheaders.h>
#include <tesseract/baseapi.h>

#include <wq/worker_main.h>

namespace {

struct PixDeleter {
  void operator()(Pix* pix) const { pixDestroy(&pix); }
};

class Reader {
 public:
  /// Throws `CannotRun` if there is no model for the language.
  explicit Reader(const std::string& language) {
    if (model_.Init(nullptr, language.c_str(), tesseract::OEM_LSTM_ONLY) != 0) {
      throw wq::CannotRun("cannot load the model for '" + language +
                          "'; on Debian it is in the package tesseract-ocr-" + language);
    }
  }

  wq::Outcome read(const std::string& path) {
    const std::unique_ptr<Pix, PixDeleter> page(pixRead(path.c_str()));
    if (!page) return wq::Outcome::fatal("is no image that can be read");
    model_.SetImage(page.get());
    const std::unique_ptr<char[]> text(model_.GetUTF8Text());
    model_.Clear();
    if (!text) return wq::Outcome::fail("could not be recognized");
    return wq::Outcome::complete(std::string(text.get()));
  }

 private:
  tesseract::TessBaseAPI model_;
};

}  // namespace

int main(int argc, char** argv) {
  std::string language = "eng";
  wq::WorkerProgram program;
  program.summary = "Reads pages: each item is the path of an image, its result the text on it.\n";
  program.options = {{"language", "CODE", "of the texts [default: eng]",
                      [&](const std::string& code) { language = code; }}};
  program.examples =
      "Example:\n"
      "  wq-push pages 'pages/*.png' && ocr --queue pages --batch 8\n";
  program.make_batch = [&](const wq::WorkerContext& context) -> wq::BatchHandler {
    // Each slot has its own, and only one call at a time has a slot's number.
    auto readers = std::make_shared<std::vector<std::unique_ptr<Reader>>>();
    for (unsigned slot = 0; slot < context.options.concurrency; ++slot) {
      readers->push_back(std::make_unique<Reader>(language));
    }
    return [readers](const wq::Batch& batch) {
      Reader& reader = *readers->at(batch.slot);
      std::vector<wq::Outcome> left;
      for (std::size_t i = 0; i < batch.leases.size(); ++i) {
        if (batch.stop.stop_requested()) {
          left.assign(batch.leases.size(), wq::Outcome::release());
          break;
        }
        // At once: a crash loses no more than the current page.
        batch.settle(i, reader.read(batch.leases[i].item));
      }
      return left;
    };
  };
  return wq::worker_main(argc, argv, program);
}
