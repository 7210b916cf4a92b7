import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.tokens import TokenKind, digest_of, hint_of, is_well_formed, mint_token


def test_a_minted_token_is_well_formed_for_its_own_kind_only():
    token = mint_token(TokenKind.INDEX)

    assert token.startswith("wb_ix_")
    assert len(token) == len("wb_ix_") + 36
    assert is_well_formed(token, TokenKind.INDEX)
    assert not is_well_formed(token, TokenKind.UPLOAD)


def test_every_single_wrong_character_is_noticed():
    token = mint_token(TokenKind.INDEX)

    for position in range(len(token)):
        for wrong in "0Zq_":
            if wrong != token[position]:
                typo = token[:position] + wrong + token[position + 1 :]
                assert not is_well_formed(typo, TokenKind.INDEX)


@given(st.text(max_size=60))
def test_no_text_makes_the_check_raise(text: str):
    assert is_well_formed(text, TokenKind.INDEX) is False


def test_the_same_entropy_gives_the_same_token():
    entropy = b"e" * 32

    assert mint_token(TokenKind.INDEX, entropy=entropy) == mint_token(
        TokenKind.INDEX, entropy=entropy
    )
    assert mint_token(TokenKind.INDEX) != mint_token(TokenKind.INDEX)


@pytest.mark.parametrize("kind", list(TokenKind))
def test_a_digest_and_a_hint_do_not_give_the_token_away(kind: TokenKind):
    token = mint_token(kind)

    assert len(digest_of(token)) == 64
    assert token not in digest_of(token)
    assert hint_of(token) == token[-4:]
