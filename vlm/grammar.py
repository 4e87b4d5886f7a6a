"""Decoding under a JSON schema, with llguidance: at every step only tokens that can still lead to valid JSON remain.

The mask is applied with numpy and copied to where the scores are; nothing is compiled for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from diagram.errors import EngineError


class Grammar:
    """The tokenizer of a model as llguidance knows it; made once per model, threads may share it."""

    def __init__(self, tokenizer: Any, vocabulary: int) -> None:
        import llguidance.hf

        self._tokenizer = llguidance.hf.from_tokenizer(tokenizer, n_vocab=vocabulary)

    def processor(self, schema: Mapping[str, Any], prompt: int) -> Processor:
        """A logits processor for one reply. prompt: how many tokens come before it."""
        import llguidance

        grammar = llguidance.LLMatcher.grammar_from_json_schema(
            json.dumps(schema), defaults={"whitespace_flexible": False}
        )
        matcher = llguidance.LLMatcher(self._tokenizer, grammar)
        if matcher.is_error():
            raise EngineError(f"the schema cannot be decoded under: {matcher.get_error()}")
        return Processor(matcher, self._tokenizer.vocab_size, prompt)


class Processor:
    """Takes from the scores of the next token what would break the schema; for one reply at a time."""

    def __init__(self, matcher: Any, vocabulary: int, prompt: int) -> None:
        import llguidance.numpy

        self._matcher, self._seen = matcher, prompt
        self._bits = llguidance.numpy.allocate_token_bitmask(1, vocabulary)

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """`input_ids` (1, n) and `scores` (1, vocabulary) as transformers calls it."""
        import llguidance.numpy
        import numpy as np
        import torch

        for token in input_ids[0, self._seen :].tolist():
            self._matcher.consume_token(token)
        self._seen = input_ids.shape[1]
        llguidance.numpy.fill_next_token_bitmask(self._matcher, self._bits)
        allowed: Any = np.unpackbits(self._bits.view(np.uint8), bitorder="little")[: scores.shape[1]].astype(bool)
        mask = torch.from_numpy(allowed).to(scores.device)
        kept = torch.full_like(scores, float("-inf"))
        kept[0, : len(allowed)] = torch.where(mask, scores[0, : len(allowed)], kept[0, : len(allowed)])
        return kept
