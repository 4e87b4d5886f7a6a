"""Tiny random models of every class that the registry calls native: `BUILD[loader](torch, transformers)` gives its
configuration and what its `generate` takes for one small picture and some text. No tokenizers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

TEXT = {  # sizes are multiples of 64, which bitsandbytes needs on processors that multiply bfloat16
    "vocab_size": 200, "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 512, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
PICTURE = 9  # the id of the token that stands for a part of a picture


def _prompt(torch: Any, pictures: int, *, before: tuple[int, ...] = (), after: tuple[int, ...] = ()) -> dict[str, Any]:
    ids = torch.tensor([[5, 6, *before, *[PICTURE] * pictures, *after, 7, 8]])
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def _qwen(torch: Any, transformers: Any, config: str, vision: dict[str, Any], **more: Any) -> tuple[Any, dict]:
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]}
    made = getattr(transformers, config)(
        text_config={**TEXT, "rope_parameters": rope, **more}, vision_config=vision, image_token_id=PICTURE,
        video_token_id=10, vision_start_token_id=11, vision_end_token_id=12,
    )  # fmt: skip
    patch = vision["patch_size"]
    given = _prompt(torch, 4, before=(11,), after=(12,))
    given["pixel_values"] = torch.rand(16, 3 * 2 * patch * patch)
    given["image_grid_thw"] = torch.tensor([[1, 4, 4]])
    given["mm_token_type_ids"] = (given["input_ids"] == PICTURE).int()
    return made, given


def _qwen2(torch: Any, transformers: Any) -> tuple[Any, dict]:
    vision = {"depth": 1, "embed_dim": 32, "hidden_size": 64, "num_heads": 2, "mlp_ratio": 2, "patch_size": 14}
    return _qwen(torch, transformers, "Qwen2VLConfig", vision)


def _qwen2_5(torch: Any, transformers: Any) -> tuple[Any, dict]:
    vision = {"depth": 1, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "out_hidden_size": 64,
              "patch_size": 14, "window_size": 112, "fullatt_block_indexes": [0]}  # fmt: skip
    return _qwen(torch, transformers, "Qwen2_5_VLConfig", vision)


def _qwen3(torch: Any, transformers: Any) -> tuple[Any, dict]:
    vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "out_hidden_size": 64,
              "patch_size": 16, "num_position_embeddings": 64, "deepstack_visual_indexes": [0]}  # fmt: skip
    return _qwen(torch, transformers, "Qwen3VLConfig", vision, head_dim=16)


def _got(torch: Any, transformers: Any) -> tuple[Any, dict]:
    vision = {"hidden_size": 32, "output_channels": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
              "image_size": 256, "patch_size": 16, "mlp_dim": 48, "window_size": 4,
              "global_attn_indexes": [0]}  # fmt: skip
    made = transformers.GotOcr2Config(
        text_config={**TEXT, "model_type": "qwen2"}, vision_config=vision, image_token_index=PICTURE
    )
    return (
        made,
        {**_prompt(torch, 16), "pixel_values": torch.rand(1, 3, 256, 256)},
    )


def _fast(torch: Any, transformers: Any) -> tuple[Any, dict]:
    vision = {"model_type": "timm_wrapper", "architecture": "fastvit_mci0", "do_pooling": True, "global_pool": "avg",
              "hidden_size": 1024, "model_args": {"inference_mode": True}}  # fmt: skip
    made = transformers.FastVlmConfig(
        text_config={**TEXT, "model_type": "qwen2"}, vision_config=vision, image_token_id=PICTURE
    )
    return (
        made,
        {**_prompt(torch, 16), "pixel_values": torch.rand(1, 3, 128, 128)},
    )


def _intern(torch: Any, transformers: Any) -> tuple[Any, dict]:
    vision = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48,
              "image_size": [56, 56], "patch_size": [14, 14]}  # fmt: skip
    made = transformers.InternVLConfig(
        text_config={**TEXT, "model_type": "qwen2"}, vision_config=vision, image_token_id=PICTURE
    )
    return (
        made,
        {**_prompt(torch, 4), "pixel_values": torch.rand(1, 3, 56, 56)},
    )


def _smol(torch: Any, transformers: Any) -> tuple[Any, dict]:
    vision = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48,
              "image_size": 56, "patch_size": 14}  # fmt: skip
    made = transformers.SmolVLMConfig(
        text_config={**TEXT, "model_type": "llama"}, vision_config=vision, image_token_id=PICTURE, scale_factor=2
    )
    return (
        made,
        {**_prompt(torch, 4), "pixel_values": torch.rand(1, 1, 3, 56, 56)},
    )


def _deepseek(torch: Any, transformers: Any) -> tuple[Any, dict]:
    vision = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48,
              "image_size": 56, "patch_size": 14}  # fmt: skip
    made = transformers.DeepseekVLConfig(
        text_config={**TEXT, "model_type": "llama"}, vision_config=vision, image_token_id=PICTURE
    )
    return (
        made,
        {**_prompt(torch, 16), "pixel_values": torch.rand(1, 3, 56, 56)},
    )


def _deepseek_ocr(torch: Any, transformers: Any) -> tuple[Any, dict]:
    sam = {"hidden_size": 32, "output_channels": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "mlp_dim": 48,
           "global_attn_indexes": [0], "downsample_channels": [24, 32]}  # fmt: skip
    encoder = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2,
               "num_key_value_heads": 2, "vocab_size": 8}  # fmt: skip
    text = {**TEXT, "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2, "moe_intermediate_size": 16,
            "mlp_layer_types": ["dense", "sparse"]}  # fmt: skip
    made = transformers.DeepseekOcr2Config(
        text_config=text, vision_config={"sam_config": sam, "encoder_config": encoder}, image_token_id=PICTURE
    )
    return (
        made,
        {**_prompt(torch, 257), "pixel_values": torch.rand(1, 3, 1024, 1024)},
    )


def _phi(torch: Any, transformers: Any) -> tuple[Any, dict]:
    vision = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
              "image_size": 448, "crop_size": 448, "patch_size": 14, "image_token_id": PICTURE}  # fmt: skip
    audio = {"hidden_size": 32, "intermediate_size": 48, "num_blocks": 1, "num_attention_heads": 2,
             "audio_token_id": 10, "ext_pw_out_channel": 32, "nemo_conv_channels": 16}  # fmt: skip
    made = transformers.Phi4MultimodalConfig(**TEXT, vision_config=vision, audio_config=audio)
    return made, _prompt(torch, 0)


BUILD: dict[str, Callable[[Any, Any], tuple[Any, dict]]] = {
    "Qwen2VLForConditionalGeneration": _qwen2,
    "Qwen2_5_VLForConditionalGeneration": _qwen2_5,
    "Qwen3VLForConditionalGeneration": _qwen3,
    "GotOcr2ForConditionalGeneration": _got,
    "FastVlmForConditionalGeneration": _fast,
    "InternVLForConditionalGeneration": _intern,
    "SmolVLMForConditionalGeneration": _smol,
    "DeepseekVLForConditionalGeneration": _deepseek,
    "DeepseekOcr2ForConditionalGeneration": _deepseek_ocr,
    "Phi4MultimodalForCausalLM": _phi,
}
