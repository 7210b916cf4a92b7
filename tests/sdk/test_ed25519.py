import random

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from wheelbarrow_client import ed25519

# RFC 8032, section 7.1: public key, message, signature
RFC_8032 = {
    "TEST 1": (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
            "f9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    "TEST 2": (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0"
            "f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    "TEST 3": (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f76098"
            "4dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
    "TEST SHA(abc)": (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        (
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        ),
        (
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c664"
            "31e0303dca179c138ac17ad9bef1177331a704"
        ),
    ),
}

L = 2**252 + 27742317777372353535851937790883648493
P = 2**255 - 19


def openssl_accepts(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def signed(seed: int) -> tuple[bytes, bytes, bytes]:
    """Public key, signature and message that belong together, the same for the same seed."""
    dice = random.Random(seed)
    key = Ed25519PrivateKey.from_private_bytes(dice.randbytes(32))
    message = dice.randbytes(dice.randrange(200))
    return key.public_key().public_bytes_raw(), key.sign(message), message


@pytest.mark.parametrize("name", RFC_8032)
def test_the_signatures_of_rfc_8032_are_accepted(name: str):
    public_key, message, signature = map(bytes.fromhex, RFC_8032[name])

    assert ed25519.verify(public_key, signature, message)
    assert not ed25519.verify(public_key, signature, message + b"\x00")


def test_it_accepts_what_openssl_signs():
    assert all(ed25519.verify(*signed(seed)) for seed in range(200))


def test_it_refuses_every_flipped_bit_of_a_signature():
    public_key, signature, message = signed(1)

    for bit in range(512):
        flipped = (int.from_bytes(signature, "little") ^ 1 << bit).to_bytes(64, "little")
        assert not ed25519.verify(public_key, flipped, message)


def test_it_agrees_with_openssl_about_any_damage():
    dice = random.Random(2)

    for seed in range(200):
        parts = list(signed(seed))
        damaged = dice.choice([n for n in range(3) if parts[n]])
        data = bytearray(parts[damaged])
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        parts[damaged] = bytes(data)
        assert ed25519.verify(*parts) is openssl_accepts(*parts) is False


def test_a_second_signature_cannot_be_made_by_adding_the_order_to_s():
    public_key, signature, message = signed(3)
    s = int.from_bytes(signature[32:], "little")

    twin = signature[:32] + (s + L).to_bytes(32, "little")

    assert not ed25519.verify(public_key, twin, message)


@pytest.mark.parametrize(
    "encoded",
    [
        P.to_bytes(32, "little"),  # y = 0 in another form
        (P + 1).to_bytes(32, "little"),  # y = 1 in another form
        (2**255 - 1).to_bytes(32, "little"),
        (1 | 1 << 255).to_bytes(32, "little"),  # x = 0 has no sign
        (2).to_bytes(32, "little"),  # on no point of the curve
    ],
)
def test_a_point_that_is_not_canonical_is_no_key(encoded: bytes):
    _, signature, message = signed(4)

    assert ed25519._decode(encoded) is None
    assert not ed25519.verify(encoded, signature, message)


def test_an_r_that_is_not_canonical_is_refused():
    # With the neutral point as key, R = [0]B is right in its canonical form only.
    neutral = (1).to_bytes(32, "little")
    zero = bytes(32)
    other_form = (P + 1).to_bytes(32, "little")

    assert ed25519.verify(neutral, neutral + zero, b"")
    assert not ed25519.verify(neutral, other_form + zero, b"")
    assert not openssl_accepts(neutral, other_form + zero, b"")


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_key_of_another_length_is_refused(length: int):
    _, signature, message = signed(5)

    assert not ed25519.verify(b"k" * length, signature, message)


@pytest.mark.parametrize("length", [0, 63, 65])
def test_a_signature_of_another_length_is_refused(length: int):
    public_key, _, message = signed(6)

    assert not ed25519.verify(public_key, b"s" * length, message)
