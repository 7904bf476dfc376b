"""A training that stands still after its first pass, for a test to kill: PICTURES_JSON CACHE RECIPE_JSON."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[3]))

import datasets.finetuning.train as training
from benchmark.registry import load_plugin
from datasets.backbones import make_backbone
from datasets.finetuning.finetuned import FineTuning
from datasets.finetuning.items import TrainingItems
from datasets.finetuning.recipe import Recipe
from datasets.preprocessing import DEFAULT


def main():
    torch.set_num_threads(1)
    load_plugin(Path(__file__).parents[2] / "plugins" / "small_net.py")
    content = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    files = [Path(path) for path in content["files"]]
    items = TrainingItems(files, content["digests"], np.array(content["labels"]), content["n_classes"])
    save = training.save

    def saving(*arguments):
        save(*arguments)
        time.sleep(300)

    training.save = saving
    recipe = Recipe.model_validate_json(sys.argv[3])
    cache_dir = Path(sys.argv[2])
    FineTuning(make_backbone("small_net"), items, recipe, "photo", DEFAULT, cache_dir).run(("cpu",))


if __name__ == "__main__":
    main()
