"""The tiny random models of `tiny_models` as folders in the layout of the hub: weights, tokenizer, image processor,
template of conversations, so that they run as downloaded ones do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.tiny_models import BUILD
from tests.tiny_qwen import SPECIAL, tokenizer_of

TURN = (
    "{% for m in messages %}{{ m.role }}: {% for p in m.content %}"
    "{% if p.type == 'image' %}IMAGE{% else %}{{ p.text }}{% endif %}{% endfor %}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
QWEN = {"image_processor_type": "Qwen2VLImageProcessor", "merge_size": 2, "temporal_patch_size": 2,
        "min_pixels": 3136, "max_pixels": 12845056}  # fmt: skip
HALF = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}

# loader: what stands for a picture in a conversation; the token of a part of it; other tokens by the names that the
# processor asks for; the files of the image processor and of the processor.
FOLDERS: dict[str, tuple[str, str, Mapping[str, str], dict[str, Any], dict[str, Any]]] = {
    "Qwen2VLForConditionalGeneration": (
        "<|vision_start|><|image_pad|><|vision_end|>", "<|image_pad|>", {},
        {**QWEN, "patch_size": 14}, {"processor_class": "Qwen2VLProcessor"},
    ),
    "Qwen2_5_VLForConditionalGeneration": (
        "<|vision_start|><|image_pad|><|vision_end|>", "<|image_pad|>", {},
        {**QWEN, "patch_size": 14}, {"processor_class": "Qwen2_5_VLProcessor"},
    ),
    "Qwen3VLForConditionalGeneration": (
        "<|vision_start|><|image_pad|><|vision_end|>", "<|image_pad|>", {},
        {**QWEN, "patch_size": 16}, {"processor_class": "Qwen3VLProcessor"},
    ),
    "InternVLForConditionalGeneration": (
        "<IMG_CONTEXT>\n", "<IMG_CONTEXT>",
        {"start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>",
         "video_token": "<video>"},
        {"image_processor_type": "GotOcr2ImageProcessor", "size": {"height": 56, "width": 56},
         "crop_to_patches": True, "max_patches": 4, **HALF},
        {"processor_class": "InternVLProcessor", "image_seq_length": 4},
    ),
    "SmolVLMForConditionalGeneration": (
        "<image>", "<image>",
        {"fake_image_token": "<fake_token_around_image>", "global_image_token": "<global-img>",
         "image_token": "<image>", "end_of_utterance_token": "<end_of_utterance>", "video_token": "<video>"},
        {"image_processor_type": "SmolVLMImageProcessor", "size": {"longest_edge": 112},
         "max_image_size": {"longest_edge": 56}, "do_image_splitting": True, **HALF},
        {"processor_class": "SmolVLMProcessor", "image_seq_len": 4},
    ),
    "DeepseekVLForConditionalGeneration": (
        "<image_placeholder>", "<image_placeholder>", {"image_token": "<image_placeholder>"},
        {"image_processor_type": "DeepseekVLImageProcessor", "size": {"height": 56, "width": 56}, "min_size": 14,
         **HALF},
        {"processor_class": "DeepseekVLProcessor", "num_image_tokens": 16},
    ),
    "FastVlmForConditionalGeneration": (
        "<image>", "<image>", {"image_token": "<image>"},
        {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 128},
         "crop_size": {"height": 128, "width": 128}, "image_mean": [0.0] * 3, "image_std": [1.0] * 3},
        {"processor_class": "LlavaProcessor", "patch_size": 32, "num_additional_image_tokens": 0,
         "vision_feature_select_strategy": "full"},
    ),
    "DeepseekOcr2ForConditionalGeneration": (
        "<image>", "<image>", {"image_token": "<image>"},
        {"image_processor_type": "DeepseekOcr2ImageProcessor", **HALF}, {"processor_class": "DeepseekOcr2Processor"},
    ),
    "Phi4MultimodalForCausalLM": (
        "<|image|>", "<|image|>", {"image_token": "<|image|>", "audio_token": "<|audio|>"},
        {"image_processor_type": "Phi4MultimodalImageProcessor", "size": {"height": 448, "width": 448},
         "patch_size": 14, "dynamic_hd": 4, **HALF},
        {"processor_class": "Phi4MultimodalProcessor"},
    ),
}  # fmt: skip


def make(loader: str, folder: Path) -> Path:
    """One of them; those with parts by torchvision need it to save nothing: it is asked for when they are loaded."""
    from vlm.stack import import_stack

    torch, transformers = import_stack()
    shown, part, tokens, images, told = FOLDERS[loader]
    more = [token for token in dict.fromkeys((part, *tokens.values())) if token not in SPECIAL]
    if loader.startswith("SmolVLM"):
        more += [f"<row_{row}_col_{column}>" for row in (1, 2, 3) for column in (1, 2, 3)]
    tokenizer = tokenizer_of(transformers, more, TURN.replace("IMAGE", shown), tokens)
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in (*SPECIAL, part)}
    torch.manual_seed(0)
    config, _ = BUILD[loader](torch, transformers)
    text = config.get_text_config()
    text.vocab_size, text.max_position_embeddings = 640, 4096
    text.bos_token_id, text.eos_token_id, text.pad_token_id = ids["<|endoftext|>"], ids["<|im_end|>"], None
    for holder in (config, getattr(config, "vision_config", None)):
        for name in ("image_token_id", "image_token_index"):
            if getattr(holder, name, None) is not None:
                setattr(holder, name, ids[part])
    for name in ("vision_start", "vision_end", "video"):
        if getattr(config, f"{name}_token_id", None) is not None:
            setattr(config, f"{name}_token_id", ids["<|video_pad|>" if name == "video" else f"<|{name}|>"])
    if hasattr(getattr(config, "audio_config", None), "audio_token_id"):
        config.audio_config.audio_token_id = tokenizer.convert_tokens_to_ids(tokens["audio_token"])
    model = getattr(transformers, loader)(config).to(torch.bfloat16)
    model.generation_config.eos_token_id = ids["<|im_end|>"]
    model.generation_config.pad_token_id = ids["<|endoftext|>"]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({**images, **told}), "utf-8")
    (folder / "processor_config.json").write_text(json.dumps(told), "utf-8")
    return folder
