"""Mails for tests: written by hand, and as bad as real ones."""

import random
from collections.abc import Mapping

SUPPORT = "support@testserver"


def mail(
    text: str = "It does not start.",
    *,
    sender: str = "Dev <dev@company.example>",
    to: str = SUPPORT,
    subject: str = "Help",
    headers: Mapping[str, str] | None = None,
    number: int | str = 1,
) -> bytes:
    """A person's plain mail; *number* makes its Message-ID its own."""
    fields = {
        "From": sender,
        "To": to,
        "Subject": subject,
        "Message-ID": f"<m{number}@company.example>",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        **(headers or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"{head}\r\n{text}".encode()


def with_file(
    filename: str, content: str, *, content_type: str = "text/html", number: int = 1, **options: str
) -> bytes:
    body = (
        "--b\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n"
        f"--b\r\nContent-Type: {content_type}\r\n"
        f'Content-Disposition: attachment; filename="{filename}"\r\n\r\n{content}\r\n--b--\r\n'
    )
    headers = {"Content-Type": 'multipart/mixed; boundary="b"'}
    return mail(body, headers=headers, number=number, **options)


def delivery_report(failed: str, *, original_id: str, action: str = "failed") -> bytes:
    """A report of RFC 3464 about a mail of ours."""
    status = "5.1.1" if action == "failed" else "4.4.1"
    body = (
        "--r\r\nContent-Type: text/plain\r\n\r\nYour mail could not be delivered.\r\n"
        "--r\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.company.example\r\n\r\n"
        f"Final-Recipient: rfc822; {failed}\r\nAction: {action}\r\nStatus: {status}\r\n\r\n"
        "--r\r\nContent-Type: message/rfc822\r\n\r\n"
        f"Message-ID: {original_id}\r\nTo: {failed}\r\nSubject: ours\r\n\r\nbody\r\n--r--\r\n"
    )
    headers = {
        "Content-Type": 'multipart/report; report-type=delivery-status; boundary="r"',
        "Return-Path": "<>",
        "Auto-Submitted": "auto-replied",
    }
    sender = "Mail Delivery System <mailer-daemon@mx.company.example>"
    return mail(body, sender=sender, headers=headers, number=f"r{original_id[1:9]}")


def bomb(parts: int = 200) -> bytes:
    body = "".join(f"--b\r\nContent-Type: text/plain\r\n\r\npart {n}\r\n" for n in range(parts))
    headers = {"Content-Type": 'multipart/mixed; boundary="b"'}
    return mail(body + "--b--\r\n", headers=headers, number="bomb")


def nested(depth: int = 200) -> bytes:
    lines = [
        f'--b{level}\r\nContent-Type: multipart/mixed; boundary="b{level + 1}"\r\n\r\n'
        for level in range(depth)
    ]
    headers = {"Content-Type": 'multipart/mixed; boundary="b0"'}
    return mail("".join(lines), headers=headers, number="nested")


HEAD = b"From: dev@company.example\r\nTo: support@testserver\r\nSubject: x\r\n"
POISON: dict[str, bytes] = {
    "empty": b"",
    "one byte": b"\x00",
    "no headers": b"\r\n\r\nonly a body",
    "no body": HEAD,
    "group syntax": mail(to="undisclosed-recipients:;", number="group"),
    "group syntax with space": mail(to="undisclosed-recipients: ;", number="group2"),
    "unknown charset": mail(headers={"Content-Type": "text/plain; charset=x-klingon"}, number="c"),
    "charset of a codec": mail(headers={"Content-Type": "text/plain; charset=rot13"}, number="c2"),
    "charset with NUL": HEAD + b"Content-Type: text/plain; charset=\"a\x00b\"\r\n\r\nx",
    "charset encoded": HEAD + b"Content-Type: text/plain; charset*=utf-8''%FF%FE\r\n\r\nx",
    "punycode": HEAD + b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"a-" * 20_000,
    "utf-7 half": HEAD + b"Content-Type: text/plain; charset=utf-7\r\n\r\n+2AA-",
    "two From": b"From: a@company.example\r\n" + mail(sender="b@company.example", number="two"),
    "no From": mail(sender="", number="nofrom"),
    "From of two": mail(sender="a@company.example, b@company.example", number="list"),
    "From in a comment": mail(sender="evil@evil.example (dev@company.example)", number="comment"),
    "From split": mail(sender="dev@company.example)evil@evil.example", number="split"),
    "encoded From": mail(sender="=?utf-8?q?=3Cdev=40company=2Eexample=3E?= <x@evil.example>"),
    "invalid UTF-8": mail(number="utf").replace(b"It does", b"It \xff\xfe\xc3\x28 does"),
    "invalid UTF-8 in headers": HEAD.replace(b"x\r\n", b"\xff\xfe\x80\r\n") + b"\r\nbody",
    "NUL in headers": HEAD.replace(b": x", b": a\x00b") + b"\r\nbod\x00y",
    "bad RFC 2047": mail(subject="=?utf-8?b?====?= =?x?q?=ZZ?= =?utf-8?z?x?=", number="2047"),
    "folded and empty": HEAD + b"X-Odd:\r\n \r\n \r\nReferences:\r\n\t\r\n\r\nbody",
    "bomb": bomb(200),
    "nested": nested(200),
    "nested too deep to parse": nested(2_000),
    "no end of parts": mail(
        "--b\r\n\r\nx", headers={"Content-Type": "multipart/mixed; boundary=b"}, number="end"
    ),
    "no boundary": mail("x", headers={"Content-Type": "multipart/mixed"}, number="nob"),
    "bad base64": mail("A===!", headers={"Content-Transfer-Encoding": "base64"}, number="b64"),
    "bad uuencode": mail("begin 6 x\n#", headers={"Content-Transfer-Encoding": "x-uuencode"}),
    "huge header": mail(headers={"X-Huge": "a" * 300_000}, number="huge"),
    "long Message-ID": mail(number="9" * 900),
    "long everything": mail(
        sender=f"{'n' * 900} <{'a' * 60}@{'b' * 60}.{'c' * 60}.example>", subject="s" * 5_000,
        number="long",
    ),
    "zip": with_file("a.zip", "PK\x03\x04" + "\x00" * 50, content_type="application/zip"),
    "script": mail("<script>alert(1)</script><b>hi</b>", headers={"Content-Type": "text/html"}),
    "odd filename": with_file("../../etc/pass\twd\u202egpj.exe", "x"),
    "filename with parameters": mail(
        "--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment;"
        " filename*0*=x''%ff; filename*9=z\r\n\r\nx\r\n--b--",
        headers={"Content-Type": "multipart/mixed; boundary=b"}, number="fn",
    ),
    "attached mail": mail(
        "--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: \xff\r\n\r\nx\r\n--b--",
        headers={"Content-Type": "multipart/mixed; boundary=b"}, number="am",
    ),
    "bare carriage returns": HEAD.replace(b"\r\n", b"\r") + b"\rbody",
    "bad date": mail(headers={"Date": "Fri, 99 Foo 99999 25:61:61 +9999"}, number="date"),
}  # fmt: skip


def mutated(raw: bytes, chance: random.Random, piece: bytes = b"") -> bytes:
    """The mail with up to thirty places broken."""
    broken = bytearray(raw[:20_000] or b"x")
    bits = [piece, b"\xff", b"\x00", b'"', b"<", b"=?", b"\r\n", b";", b":", b"@", b"(", b"--"]
    for _ in range(chance.randint(1, 30)):
        place = chance.randrange(len(broken) + 1)
        broken[place : place + chance.randrange(4)] = chance.choice(bits)
    return bytes(broken)
