#!/usr/bin/python3
"""A coprocess that reads pages: an item is the path of an image, its result the text on it.

    wq-worker --queue pages --coprocess --batch 8 -- examples/ocr.py

The model is loaded once. Needs Debian's python3-tesserocr and tesseract-ocr-eng.
"""

import json
import sys

import tesserocr


def answer(model, item):
    try:
        model.SetImageFile(item["item"])
        return {"id": item["id"], "answer": "done", "result": model.GetUTF8Text()}
    except Exception as error:
        return {"id": item["id"], "answer": "failed", "error": repr(error)}


def main():
    with tesserocr.PyTessBaseAPI(lang="eng", oem=tesserocr.OEM.LSTM_ONLY,
                                 psm=tesserocr.PSM.SINGLE_BLOCK) as model:
        print('{"wq":1}', flush=True)
        for line in sys.stdin.buffer:
            for item in json.loads(line).get("items", []):
                print(json.dumps([answer(model, item)]), flush=True)


if __name__ == "__main__":
    main()
