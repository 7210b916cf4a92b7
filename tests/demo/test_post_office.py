"""The demo's mail server: the shop's mail through the pipe, everybody else's into the folder."""

import smtplib
import socket
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from threading import Thread

import pytest

from demo import post_office
from demo.mailboxes import Mailboxes, answer_to, written
from demo.post_office import PostOffice, smtp_server

SUPPORT, DEV = "support@shop.example", "dev@company.example"
pytestmark = pytest.mark.usefixtures("socket_enabled")


class Piped(list[tuple[bytes, str, str]]):
    """What went into the pipe, which ends as it is told to."""

    status = 0

    def __call__(self, raw: bytes, sender: str, recipient: str) -> int:
        self.append((raw, sender, recipient))
        return self.status


@pytest.fixture
def piped() -> Piped:
    return Piped()


@pytest.fixture
def boxes(tmp_path: Path, piped: Piped) -> Iterator[Mailboxes]:
    server = smtp_server(0, PostOffice(SUPPORT, tmp_path / "mail", piped))
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield Mailboxes(tmp_path / "mail", server.server_address[1], SUPPORT)
    server.shutdown()
    server.server_close()


def make_mail(to: str = SUPPORT, text: str = "It hangs.") -> EmailMessage:
    return written({"From": DEV, "To": to, "Subject": "Help", "text": text})


def test_mail_to_the_shop_goes_through_its_pipe_with_the_envelope(boxes: Mailboxes, piped: Piped):
    boxes.deliver(make_mail())
    boxes.deliver(make_mail("Support+T_1_abc@shop.example"))

    assert [(sender, to) for _, sender, to in piped] == [
        (DEV, SUPPORT),
        (DEV, "Support+T_1_abc@shop.example"),
    ]
    assert b"It hangs." in piped[0][0]
    assert boxes.all() == []


def test_mail_to_anybody_else_is_kept_and_can_be_answered(boxes: Mailboxes, piped: Piped):
    boxes.deliver(make_mail(f"{DEV}, other@company.example", text=".\n..two dots\nÜmlaut\n"))

    (kept,) = boxes.all()
    assert kept.get_content() == ".\n..two dots\nÜmlaut\n"
    assert answer_to(kept)["Subject"] == "Re: Help"
    assert not piped


@pytest.mark.parametrize(("status", "code"), [(65, 554), (75, 451), (1, 451)])
def test_what_the_pipe_does_not_take_the_sender_is_told(
    boxes: Mailboxes, piped: Piped, status: int, code: int
):
    piped.status = status

    with pytest.raises(smtplib.SMTPDataError) as caught:
        boxes.deliver(make_mail())

    assert caught.value.smtp_code == code


def test_a_mail_above_the_limit_is_refused_and_the_next_is_taken(
    boxes: Mailboxes, piped: Piped, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(post_office, "MAX_MAIL_BYTES", 10_000)
    with smtplib.SMTP("127.0.0.1", boxes.smtp_port) as server:
        server.helo()  # which hears nothing of a limit
        with pytest.raises(smtplib.SMTPDataError):
            server.sendmail(DEV, [SUPPORT], b"x\r\n" * 5_000)
        server.sendmail(DEV, [SUPPORT], b"Subject: small\r\n\r\nx")

    assert [raw for raw, _, _ in piped] == [b"Subject: small\r\n\r\nx\r\n"]


def test_what_is_no_smtp_is_answered_and_not_obeyed(boxes: Mailboxes, piped: Piped):
    said = b"DATA\r\nMAIL FROM:nobody\r\nNONSENSE\r\n\xff\r\nRSET\r\nNOOP\r\nQUIT\r\n"
    with socket.create_connection(("127.0.0.1", boxes.smtp_port)) as client:
        client.sendall(said)
        answers = client.makefile("rb").read().decode().split("\r\n")

    assert [line[:3] for line in answers] == [
        "220", "503", "501", "502", "502", "250", "250", "221", "",
    ]  # fmt: skip
    assert not piped
