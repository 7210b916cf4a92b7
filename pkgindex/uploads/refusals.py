"""Why an upload is refused: one sentence that names the bad value, and a status."""


class UploadRefused(Exception):
    """Nothing was changed. The sentence is for the person who ran twine or uv."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status


def shown(value: object) -> str:
    """A value as a sentence may quote it: printable, on one line, not too long."""
    text = ascii(str(value))
    return text if len(text) <= 120 else f"{text[:117]}..."


def disk_trouble(error: OSError) -> UploadRefused:
    """507: the fault is ours and may pass, so the same command may be run again."""
    reason = error.strerror or type(error).__name__
    return UploadRefused(f"The shop cannot store the file now ({reason}), try again later.", 507)
