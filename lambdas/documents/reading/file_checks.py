"""What a file is that calls itself a PDF."""

from status_tracker import NonRetryableError

# (offset, first bytes, what a person calls it); the first that matches counts.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftypqt", "a QuickTime video"),
    (4, b"ftypM4A", "an M4A sound file"),
    (4, b"ftypheic", "a HEIC image"),
    (4, b"ftypavif", "an AVIF image"),
    (4, b"ftyp", "an MP4 video"),
    (0, b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (8, b"AVI ", "an AVI video"),
    (8, b"WAVE", "a WAV sound file"),
    (8, b"WEBP", "a WebP image"),
    (0, b"ID3", "an MP3 sound file"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"II*\x00", "a TIFF image"),
    (0, b"MM\x00*", "a TIFF image"),
    (0, b"PK\x03\x04", "a ZIP archive, or an Office document such as .docx"),
    (0, b"PK\x05\x06", "an empty ZIP archive"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document such as .doc"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"%!PS", "a PostScript file"),
    (0, b"{\\rtf", "an RTF document"),
)
_HEAD_BYTES = 1024


def is_pdf(content: bytes) -> bool:
    """Whether the PDF header is there; like other readers, anywhere in the first 1,024 bytes."""
    return b"%PDF-" in content[:_HEAD_BYTES]


def known_signature(content: bytes) -> str | None:
    """What a file is by its first bytes, in a person's words: "a PNG image"; None where they tell nothing."""
    return next((name for offset, signature, name in _SIGNATURES if content.startswith(signature, offset)), None)


def describe_file(content: bytes) -> str:
    """What the file looks like, in a person's words: "a PNG image", "plain text", …"""
    if name := known_signature(content):
        return name
    return _describe_text(content[:_HEAD_BYTES]) or f"unknown data that begins with {content[:8].hex(' ')}"


def _describe_text(head: bytes) -> str | None:
    # The cut at the end of the head may have split a character: such a last one is left out of the judgement.
    text = head.decode("utf-8", errors="replace").rstrip("\ufffd").lstrip("\ufeff \r\n\t")
    if "\ufffd" in text or not all(letter.isprintable() or letter in "\r\n\t" for letter in text):
        return None
    start = text.lower()
    if start.startswith(("<!doctype html", "<html")):
        return "a web page (HTML)"
    return "an XML file" if start.startswith("<?xml") else "plain text"


def refuse_empty_file(content: bytes) -> None:
    """Raises `NonRetryableError` for no bytes at all."""
    if not content:
        raise NonRetryableError("The file is empty (0 bytes). Upload the document again.")
