"""Telling what a file is that calls itself a PDF."""

import pytest

from documents.reading.file_checks import describe_file, is_pdf


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\x00\x00\x00\x1cftypisom\x00\x00\x02\x00", "an MP4 video"),
        (b"\x00\x00\x00\x14ftypqt  ", "a QuickTime video"),
        (b"\x1aE\xdf\xa3\x01", "a Matroska or WebM video"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "an AVI video"),
        (b"\x89PNG\r\n\x1a\n\x00", "a PNG image"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "a JPEG image"),
        (b"GIF89a", "a GIF image"),
        (b"PK\x03\x04\x14\x00", "a ZIP archive, or an Office document such as .docx"),
        (b"{\\rtf1", "an RTF document"),
        (b"\n<!DOCTYPE html><html>", "a web page (HTML)"),
        (b'<?xml version="1.0"?>', "an XML file"),
        (b"Dear customer,\r\n\tthank you.", "plain text"),
        ("Καλημέρα".encode() * 100, "plain text"),
        (b"\x01\x02\x03\x04\x05\x06\x07\x08\x09", "unknown data that begins with 01 02 03 04 05 06 07 08"),
        (bytes(2000), "unknown data that begins with 00 00 00 00 00 00 00 00"),
    ],
)
def test_what_a_person_would_call_it(content: bytes, name: str) -> None:
    assert describe_file(content) == name
    assert not is_pdf(content)


def test_the_header_may_have_junk_before_it_but_not_much() -> None:
    assert is_pdf(b"%PDF-1.4")
    assert is_pdf(b"\r\n" * 100 + b"%PDF-1.4")
    assert not is_pdf(b" " * 1024 + b"%PDF-1.4")
