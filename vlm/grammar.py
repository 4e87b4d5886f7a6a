"""Decoding under a JSON schema, with llguidance: at every step only tokens that can still lead to valid JSON remain.

The mask is applied with numpy and copied to where the scores are; nothing is compiled for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from diagram.errors import EngineError


class Grammar:
    """The tokenizer of a model as llguidance knows it; made once per model, threads may share it."""

    def __init__(self, tokenizer: Any, vocabulary: int) -> None:
        import llguidance.hf

        self._tokenizer = llguidance.hf.from_tokenizer(tokenizer, n_vocab=vocabulary)

    def processor(self, schemas: Sequence[Mapping[str, Any] | None], prompt: int) -> Processor:
        """A logits processor for replies that are made together, None: free. prompt: tokens that come before them."""
        return Processor([self._matcher(schema) for schema in schemas], self._tokenizer.vocab_size, prompt)

    def _matcher(self, schema: Mapping[str, Any] | None) -> Any:
        import llguidance

        if schema is None:
            return None
        grammar = llguidance.LLMatcher.grammar_from_json_schema(
            json.dumps(schema), defaults={"whitespace_flexible": False}
        )
        matcher = llguidance.LLMatcher(self._tokenizer, grammar)
        if matcher.is_error():
            raise EngineError(f"the schema cannot be decoded under: {matcher.get_error()}")
        return matcher


class Processor:
    """Takes from the scores of the next tokens what would break the schemas; for one round of replies."""

    def __init__(self, matchers: Sequence[Any], vocabulary: int, prompt: int) -> None:
        import llguidance.numpy

        self._matchers, self._seen = matchers, prompt
        self._bits = llguidance.numpy.allocate_token_bitmask(1, vocabulary)

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """`input_ids` (rows, n) and `scores` (rows, vocabulary) as transformers calls it."""
        import llguidance.numpy
        import numpy as np
        import torch

        new = input_ids[:, self._seen :].tolist()
        self._seen = input_ids.shape[1]
        for row, (matcher, tokens) in enumerate(zip(self._matchers, new, strict=True)):
            if matcher is None:
                continue
            for token in tokens:
                if not matcher.is_stopped():  # what comes then is filling; the mask leaves only the end
                    matcher.consume_token(token)
            llguidance.numpy.fill_next_token_bitmask(matcher, self._bits)
            allowed: Any = np.unpackbits(self._bits.view(np.uint8), bitorder="little")[: scores.shape[1]].astype(bool)
            mask = torch.from_numpy(allowed).to(scores.device)
            scores[row, len(allowed) :] = float("-inf")
            scores[row, : len(allowed)].masked_fill_(~mask, float("-inf"))
        return scores
