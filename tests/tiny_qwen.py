"""A random Qwen2.5-VL of some hundred thousand weights, in the layout of the hub, for tests without a network."""

from __future__ import annotations

import json
from pathlib import Path

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for p in m.content %}"
    "{% if p.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ p.text }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
           "<|video_pad|>"]  # fmt: skip


def make(folder: Path, seed: int = 0) -> Path:
    """Weights, tokenizer, image processor and chat template; needs no torchvision."""
    from vlm.stack import import_stack

    torch, transformers = import_stack()
    tokenizer = tokenizer_of(transformers)
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in SPECIAL}
    torch.manual_seed(seed)
    config = transformers.Qwen2_5_VLConfig(
        text_config={
            "vocab_size": 512, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 32768,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]},
            "bos_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|im_end|>"],
        },
        vision_config={
            "depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": 4, "out_hidden_size": 64,
            "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2, "window_size": 112,
            "fullatt_block_indexes": [1],
        },
        image_token_id=ids["<|image_pad|>"], video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"], vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )  # fmt: skip
    model = transformers.Qwen2_5_VLForConditionalGeneration(config).to(torch.bfloat16)
    model.generation_config.eos_token_id = ids["<|im_end|>"]
    model.generation_config.pad_token_id = ids["<|endoftext|>"]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    prepare = {"image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2_5_VLProcessor",
               "patch_size": 14, "merge_size": 2, "temporal_patch_size": 2, "min_pixels": 3136,
               "max_pixels": 12845056}  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(prepare), "utf-8")
    return folder


def make_got(folder: Path) -> Path:
    """A random GOT-OCR 2.0, for pictures of the size that its processor makes."""
    from vlm.stack import import_stack

    torch, transformers = import_stack()
    tokenizer = tokenizer_of(transformers, ["<img>", "</img>", "<imgpad>"])
    tokenizer.chat_template = None
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in (*SPECIAL, "<imgpad>")}
    torch.manual_seed(0)
    config = transformers.GotOcr2Config(
        text_config={
            "model_type": "qwen2", "vocab_size": 512, "hidden_size": 32, "intermediate_size": 48,
            "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2,
            "bos_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|im_end|>"],
        },
        vision_config={"hidden_size": 16, "output_channels": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
                       "mlp_dim": 16, "global_attn_indexes": []},
        image_token_index=ids["<imgpad>"],
    )  # fmt: skip
    model = transformers.GotOcr2ForConditionalGeneration(config).to(torch.bfloat16)
    model.generation_config.eos_token_id = ids["<|im_end|>"]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    prepare = {"image_processor_type": "GotOcr2ImageProcessor", "processor_class": "GotOcr2Processor",
               "size": {"height": 1024, "width": 1024}}  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(prepare), "utf-8")
    return folder


def tokenizer_of(transformers, more=(), template=TEMPLATE, named=None):
    """Of bytes and a few words. more: further special tokens; named: those that processors know by a name."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet()
    text = ['{"kind":"bpmn","language":"en","lanes":[],"nodes":[[1,"task","Check the order",0,[2]]]}'] * 50
    special = [*SPECIAL, *more]
    bpe.train_from_iterator(text, trainers.BpeTrainer(vocab_size=500, initial_alphabet=letters, special_tokens=special))
    return transformers.Qwen2TokenizerFast(
        tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=template,
        extra_special_tokens=special[1:], model_specific_special_tokens=dict(named or {}),
    )  # fmt: skip
