"""A fault of Streamlit mended: an upload that never began because the answer to its browser was thrown away.

Before a browser uploads a file it asks where to. When a run of the page begins, Streamlit drops what waits to be sent,
and with it that answer, if it has not left yet: the file is then shown in its field for ever and never sent. It
happened to one upload in some hundred that came just as a result was laid on the page.
"""

from __future__ import annotations

from typing import Any


def keep_answers() -> None:
    """Let Streamlit keep answers to uploads when a run begins; for the life of this process."""
    from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

    clear = ForwardMsgQueue.clear

    def cleared(self: Any, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: Any = None) -> None:
        answers = [one for one in self._queue if one.WhichOneof("type") == "file_urls_response"]
        clear(self, retain_lifecycle_msgs, fragment_ids_this_run)
        if retain_lifecycle_msgs:
            left = {id(one) for one in self._queue}
            self._queue.extend(one for one in answers if id(one) not in left)

    ForwardMsgQueue.clear = cleared  # type: ignore[method-assign]
