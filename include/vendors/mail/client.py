"""E-mail by SMTP, with Python's own smtplib: one connection per message, encrypted unless it is set otherwise."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal, cast

from include.errors import (
    PermanentVendorError,
    Scope,
    VendorError,
    VendorUnavailableError,
    VendorUncertainError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.alerts.texts import AlertMessage
    from include.vendors.manifest import VendorAccess

Encryption = Literal["starttls", "ssl", "off"]
ENCRYPTIONS: Final = ("starttls", "ssl", "off")
PORT: Final = 587
SCOPES = {
    smtplib.SMTPRecipientsRefused: Scope.PLACE,
    smtplib.SMTPSenderRefused: Scope.VENDOR,
}
"""How far a refusal reaches; any other is about the one mail."""
PERMANENT = 500  # a reply of 5xx is for ever, one of 4xx is not


def connect_channel(access: VendorAccess) -> Mail:
    """Return the channel of the connection `smtp`; PermanentVendorError where that makes no sense."""
    account = access.account("smtp")
    encryption = str(account.extra.get("encryption", ENCRYPTIONS[0]))
    if encryption not in ENCRYPTIONS:
        error = PermanentVendorError("the connection `smtp` has an unknown encryption")
        raise error.about(Scope.VENDOR)
    return Mail(
        host=account.host,
        port=account.port or PORT,
        sender=str(account.extra.get("from", "")),
        login=account.login,
        password=account.password,
        encryption=cast("Encryption", encryption),
        timeout_seconds=access.settings.vendor_timeout_seconds,
    )


class Mail:
    """What we send by mail."""

    is_repeatable = False

    def __init__(  # noqa: PLR0913 - a mail account
        self,
        *,
        host: str,
        port: int,
        sender: str,
        login: str = "",
        password: str = "",
        encryption: Encryption = "starttls",
        timeout_seconds: float,
    ) -> None:
        """Send from the address `sender`, through this server; nothing is opened yet."""
        self._host, self._port = host, port
        self._sender = sender
        self._login, self._password = login, password
        self._encryption = encryption
        self._timeout_seconds = timeout_seconds

    def send(self, to: str, message: AlertMessage) -> str | None:
        """Send a mail; return its Message-ID."""
        mail = self._mail(to, message)
        with self._server() as server:
            refused = _send(server, mail)
        if refused:
            raise PermanentVendorError("the mail server refuses the address").about(Scope.PLACE)
        return str(mail["Message-ID"])

    def was_sent(self, _to: str, _message: AlertMessage) -> bool | None:
        """SMTP cannot be asked."""
        return None

    def check(self) -> None:
        """Connect and log in, and send nothing."""
        with self._server() as server:
            server.noop()

    def _mail(self, to: str, message: AlertMessage) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"] = self._sender, to
        mail["Subject"] = message.title
        mail["Date"] = format_datetime(message.at)
        own = sha256(f"{message.key} {message.what} {message.at} {to}".encode()).hexdigest()[:32]
        domain = self._sender.rpartition("@")[2]
        mail["Message-ID"] = (
            f"<{own}@{domain}>"  # the same for the same message: clients show it once
        )
        mail["References"] = f"<{message.key}@{domain}>"  # the end is shown with the beginning
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        return mail

    @contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        """Give a connection that is logged in; what goes wrong until then has sent nothing."""
        try:
            server = self._connected()
        except smtplib.SMTPAuthenticationError:
            error = PermanentVendorError("the mail server refuses our log-in")
            raise error.about(Scope.VENDOR) from None
        except smtplib.SMTPNotSupportedError:
            error = PermanentVendorError("the mail server offers no encryption or log-in")
            raise error.about(Scope.VENDOR) from None
        except OSError as error:  # smtplib's errors are of this kind too
            raise _error_from(error).about(Scope.VENDOR) from None
        try:
            yield server
        finally:
            with suppress(OSError):
                server.quit()

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._encryption == "ssl":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=self._timeout_seconds, context=context
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=self._timeout_seconds)
        try:
            if self._encryption == "starttls":
                server.starttls(context=context)
            if self._login:
                server.login(self._login, self._password)
        except OSError:
            server.close()
            raise
        return server


def _send(server: smtplib.SMTP, mail: EmailMessage) -> object:
    """Send it; a connection that ends before the server has said yes or no leaves us in the dark."""
    try:
        return server.send_message(mail)
    except OSError as error:  # smtplib's errors are of this kind too
        if _code_of(error) is None:
            raise VendorUncertainError("the mail server's answer was lost") from None
        raise _error_from(error) from None


def _error_from(error: Exception) -> VendorError:
    """Return our error: the server's own text may quote the address."""
    code = _code_of(error)
    if code is None:
        return VendorUnavailableError("the mail server does not answer")
    scope = SCOPES.get(type(error), Scope.MESSAGE)
    if code >= PERMANENT:
        return PermanentVendorError(f"the mail server refuses the message: {code}").about(scope)
    busy = VendorUnavailableError(f"the mail server answers {code}")
    return busy.about(scope) if scope is Scope.PLACE else busy  # 451 after RCPT: it greylists her


def _code_of(error: Exception) -> int | None:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next((code for code, _ in error.recipients.values()), None)
    return error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else None
