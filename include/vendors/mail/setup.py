"""Mail, where alerts come by it: through which server."""

from typing import Final

from include.errors import VendorError
from include.interview.env_file import EnvFile
from include.interview.keys import SECONDS, is_used
from include.interview.prompts import ask, ask_secret, choose, confirm, heading, note
from include.vendors.mail.client import ENCRYPTIONS, PORT, Mail

PORTS: Final = range(1, 65_536)


def set_up(env: EnvFile) -> None:
    """Ask whether alerts come by mail, and through which server."""
    heading("Mail")
    if not is_used("mail", "smtp", env, what="alerts"):
        return
    document = env.connection("smtp") or {"conn_type": "smtp"}
    extra = dict(document.get("extra") or {})
    while True:
        document["host"] = ask("Server", default=document.get("host"))
        document["port"] = int(
            ask("Port", default=str(document.get("port") or PORT), wrong=_wrong_port)
        )
        encryption = {one: one for one in ENCRYPTIONS}
        extra["encryption"] = choose(
            "Encryption", encryption, default=extra.get("encryption") or "starttls"
        )
        document["login"] = ask("Login (Enter: none)", default=document.get("login") or "")
        if document["login"]:
            document["password"] = ask_secret("Password", existing=document.get("password") or "")
        extra["from"] = ask("Sender's address", default=extra.get("from"))
        env.set_connection("smtp", {**document, "extra": extra})
        try:
            Mail(
                host=document["host"],
                port=document["port"],
                sender=extra["from"],
                login=document["login"],
                password=document.get("password", ""),
                encryption=extra["encryption"],
                timeout_seconds=SECONDS,
            ).check()
        except VendorError as error:
            note(f"{error}.")
        else:
            return
        if not confirm("Ask again? (no: it stays as it is)", default=True):
            return


def _wrong_port(text: str) -> str:
    return "" if text.isdecimal() and int(text) in PORTS else "a number, please"
