"""How fast the default backbone is, and what bfloat16 would do to retrieval. Not collected by pytest.

    python tests/speed/extraction.py                      # emoji54
    python tests/speed/extraction.py --data-root DIR      # sketch/<class>/*, photo/<class>/*, split.toml

Takes one to three minutes on one core, most of it for the retrieval figures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmark.registry import DATASETS
from datasets.backbones.efficientnet_lite0 import EfficientNetLite0
from datasets.base import DatasetIndex, Items
from datasets.features import extract
from datasets.pictures import file_sha256
from datasets.preprocessing import DEFAULT
from datasets.splits import ZeroShotSplit

N_PICTURES = 128
BACKBONE = EfficientNetLite0()

Embed = Callable[[Tensor], Tensor]


def variants() -> dict[str, Embed]:
    """Name -> (B, 3, 224, 224) uint8 -> (B, 1280) float32."""
    plain, channels_last = BACKBONE.trainable(), BACKBONE.trainable().to(memory_format=torch.channels_last)
    folded = BACKBONE.optimised(BACKBONE.trainable()).to(memory_format=torch.channels_last)
    return {
        "fp32 plain, batch 8": in_batches(8, lambda part: plain(scaled(part))),
        "fp32 channels_last, batch 4": in_batches(4, lambda part: channels_last(scaled(part))),
        "fp32 as chosen (folded, batch 2)": BACKBONE.load("cpu", BACKBONE.card.normalisation),
        "bf16 autocast, channels_last, batch 4": in_batches(4, in_bfloat16(channels_last)),
        "bf16 autocast, folded, batch 4": in_batches(4, in_bfloat16(folded)),
    }


def scaled(pictures: Tensor) -> Tensor:
    return (pictures.float() - 127) / 128


def in_bfloat16(network: torch.nn.Module) -> Embed:
    def embed(part: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return network(scaled(part)).float()

    return embed


def in_batches(size: int, embed: Embed) -> Embed:
    def whole(pictures: Tensor) -> Tensor:
        with torch.inference_mode():
            return torch.cat([embed(part.contiguous()) for part in pictures.split(size)])

    return whole


def speed_table(items: Items) -> None:
    files = items.files[:: max(1, len(items) // N_PICTURES)][:N_PICTURES]
    pictures = as_tensor(files)
    reference: Tensor | None = None
    print(f"\n{'forward pass':40}{'images/s':>10}{'max |difference|':>20}")
    for name, embed in variants().items():
        embed(pictures[:8])
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            features = embed(pictures)
            seconds.append(time.perf_counter() - start)
        reference = features if reference is None else reference
        difference = float((features - reference).abs().max())
        print(f"{name:40}{len(files) / min(seconds):10.1f}{difference:20.1e}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        digests = [file_sha256(path) for path in files]
        extract(files, digests, BACKBONE, modality="photo", cache_dir=Path(folder))
        print(
            f"{'extract(): loading, decoding, chosen':40}{len(files) / (time.perf_counter() - start):10.1f}"
        )


def retrieval_table(index: DatasetIndex, split: ZeroShotSplit) -> None:
    print(f"\n{f'mAP, unseen classes of {split.dataset}/{split.id}':40}{'raw':>10}{'centred':>10}")
    # The first two differ from the chosen one by rounding only.
    for name, embed in list(variants().items())[2:]:
        sketches, photos = (whole_modality(items, embed) for items in (index.sketches, index.photos))
        unseen = np.isin(np.array(index.class_names), split.unseen)
        is_query, is_gallery = unseen[index.sketches.labels], unseen[index.photos.labels]
        scores = [
            mean_ap(
                sketches[is_query] - sketch_mean,
                photos[is_gallery] - photo_mean,
                index.sketches.labels[is_query],
                index.photos.labels[is_gallery],
            )
            for sketch_mean, photo_mean in (
                (0.0, 0.0),
                (sketches[~is_query].mean(0), photos[~is_gallery].mean(0)),
            )
        ]
        print(f"{name:40}{scores[0]:10.4f}{scores[1]:10.4f}", flush=True)


def whole_modality(items: Items, embed: Embed) -> NDArray[np.float32]:
    parts = [items.files[i : i + 64] for i in range(0, len(items), 64)]
    return np.concatenate([embed(as_tensor(part)).numpy() for part in parts])


def as_tensor(files: Sequence[Path]) -> Tensor:
    return torch.from_numpy(DEFAULT.pictures(files, BACKBONE.card.image_size, "photo")).permute(0, 3, 1, 2)


def mean_ap(
    queries: NDArray[np.float32],
    gallery: NDArray[np.float32],
    query_labels: NDArray[np.int64],
    gallery_labels: NDArray[np.int64],
) -> float:
    queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    gallery = gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    pairs = zip(query_labels, queries @ gallery.T, strict=True)
    return float(np.mean([average_precision_score(gallery_labels == label, row) for label, row in pairs]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data-root", type=Path, help="a folder of pictures; emoji54 when left out")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--cache-dir", type=Path, help="where emoji54 is drawn; a temporary folder by default"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as temporary:
        kind = DATASETS.get("folder" if arguments.data_root else "emoji54")
        dataset = kind(root=arguments.data_root, cache_dir=arguments.cache_dir or Path(temporary))
        index = dataset.index()
        print(f"{dataset.id}, {arguments.threads} threads, torch {torch.__version__}")
        speed_table(index.photos)
        retrieval_table(index, dataset.split(dataset.split_ids()[0]))


if __name__ == "__main__":
    main()
