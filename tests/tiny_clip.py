"""A random CLIP of some thousand weights, in the layouts that real ones come in, for tests without a network."""

from __future__ import annotations

import json
import shutil
from pathlib import Path


def make(folder: Path, seed: int = 0) -> Path:
    """The layout of transformers: config, weights, tokenizer and image processor in one folder."""
    import torch
    from tokenizers import pre_tokenizers
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPProcessor, CLIPTokenizer

    folder.mkdir(parents=True)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    last = len(tokens) - 1
    text = {"vocab_size": len(tokens), "bos_token_id": last - 1, "eos_token_id": last, "pad_token_id": last}
    torch.manual_seed(seed)
    config = CLIPConfig(
        text_config={**small, **text, "max_position_embeddings": 77},
        vision_config={**small, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
    CLIPModel(config).save_pretrained(folder)
    size = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    CLIPProcessor(CLIPImageProcessorPil(**size), tokenizer).save_pretrained(folder)
    return folder


def wrapped(plain: Path, folder: Path) -> Path:
    """The layout of sentence-transformers as its published CLIP models have it: modules.json and 0_CLIPModel."""
    shutil.copytree(plain, folder / "0_CLIPModel")
    module = {"idx": 0, "name": "0", "path": "0_CLIPModel", "type": "sentence_transformers.models.CLIPModel"}
    (folder / "modules.json").write_text(json.dumps([module]), "utf-8")
    return folder
