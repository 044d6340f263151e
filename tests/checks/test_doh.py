"""DNS over HTTPS as bytes: against what unbound really answered, and RFC 7541's own numbers."""

from __future__ import annotations

import base64

import pytest

from checks.dns import doh
from checks.dns.wire import parse

UNBOUND = base64.b64decode(
    "AAAGBAAAAAAAAAMAAABkAAAABAEAAAAAAAAYAQQAAAABiF+QHXXQYg0mPUxJUhakqEDmLw8NAjYyAAA+AAEAAAABnrGFgAAB"
    "AAEAAAABAmltBmZhbWlseQdleGFtcGxlAAABAAHADAABAAEAAAEsAATxAQoCAAApBNAAAAAAAAA="
)
"""SETTINGS, its acknowledgement, HEADERS (200) and DATA with an answer about im.family.example."""


def test_the_message_in_a_real_answer() -> None:
    found = parse(doh.answer(UNBOUND), "p", "im.family.example", "A")
    assert found is not None
    assert (found.rcode, found.values) == ("NOERROR", {"241.1.10.2"})


@pytest.mark.parametrize("length", range(0, len(UNBOUND)))
def test_an_answer_that_breaks_off_is_none(length: int) -> None:
    assert doh.answer(UNBOUND[:length]) == b""


def test_padding_is_no_part_of_the_message() -> None:
    payload = bytes([3]) + b"message" + bytes(3)
    frame = len(payload).to_bytes(3, "big") + bytes([0, 0x9, 0, 0, 0, 1]) + payload
    assert doh.answer(frame) == b"message"


@pytest.mark.parametrize(
    ("value", "bits", "expected"),
    [(10, 5, b"\x0a"), (1337, 5, b"\x1f\x9a\x0a"), (42, 8, b"\x2a")],
)
def test_the_examples_of_rfc_7541(value: int, bits: int, expected: bytes) -> None:
    assert doh._number(value, bits) == expected


def test_a_request_is_preface_settings_and_one_headers_frame() -> None:
    sent = doh.request("a.test:8453", "/q?dns=AA")
    assert sent.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
    headers = sent[24 + 9 :]
    assert headers[:9] == (len(headers) - 9).to_bytes(3, "big") + bytes([1, 0x5, 0, 0, 0, 1])
    assert b"\x01\x0ba.test:8453\x04\x09/q?dns=AA" in headers
