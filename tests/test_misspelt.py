"""Names that are one letter, or their underscores, away from a known one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvcalc.importers.misspelt import Spellings, nearly
from kvcalc.importers.vocabulary import STANDARD

KNOWN = ("head_dim", "n_head", "num_heads", "sliding_window", "d_kv", "Qk_Norm")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("headdim", "head_dim"),  # without its underscore
        ("head_dimm", "head_dim"),
        ("head_di", "head_dim"),
        ("haed_dim", "head_dim"),
        ("hexd_dim", "head_dim"),
        ("Head_Dim", "head_dim"),
        ("ead_dim", "head_dim"),
        ("num_head", "num_heads"),
        ("slidingwindow", "sliding_window"),
        ("slidnig_window", "sliding_window"),
        ("qk_nrom", "Qk_Norm"),
        ("d_kw", ""),  # four letters are near too many others
        ("dkv", "d_kv"),
        ("heda_mid", ""),
        ("", ""),
        ("head_dim" * 100_000, ""),
    ],
)
def test_what_a_name_is_a_misspelling_of(name: str, near: str) -> None:
    assert Spellings(KNOWN).near(name) == near


WORDS = st.text("ab_cA", max_size=9)


@given(known=st.sets(WORDS), name=WORDS)
def test_a_table_finds_what_a_look_at_each_finds(known: set[str], name: str) -> None:
    plainly = (other for other in sorted(known) if nearly(name.lower(), other.lower()))
    assert Spellings(known).near(name) == next(plainly, "")


@given(name=st.sampled_from(sorted(STANDARD)), data=st.data())
def test_every_edit_of_one_letter_is_found(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name)))
    letter = data.draw(st.sampled_from("abz_0"))
    for edited in (
        name[:at] + letter + name[at:],
        name[:at] + letter + name[at + 1 :],
        name[:at] + name[at + 1 :],
        name[:at] + name[at : at + 2][::-1] + name[at + 2 :],
    ):
        plainly = (each for each in sorted(STANDARD) if nearly(edited, each))
        assert Spellings(STANDARD).near(edited) == next(plainly, "")
