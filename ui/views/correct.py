"""The page of this name is on its way."""

import streamlit as st

from ui.words import t


def show() -> None:
    """The page."""
    st.title(t("correct.nav"), anchor=False)
    st.info(t("trouble.missing"))
