"""sys/saveas: a plan whose result is stored under another key.

https://help.aliyun.com/zh/oss/user-guide/sys-or-saveas
"""

from dataclasses import dataclass

from imgfn.core.faults import InvalidArgument, MissingArgument
from imgfn.core.key import Key
from imgfn.core.kinds import decode_base64

ACTION = "sys/saveas"


@dataclass(frozen=True)
class SaveAs:
    """What is to be done, and where the result goes."""

    process: str  # image/… or style/…
    key: Key
    bucket: str | None  # None: the source's


def parse_saveas(text: str) -> SaveAs:
    """`image/resize,w_100|sys/saveas,o_<base64>,b_<base64>`. Raises InvalidArgument and MissingArgument."""
    process, bar, action = text.partition("|")
    name, *arguments = action.split(",")
    if not bar or name != ACTION:
        raise InvalidArgument(
            "the body asks for no saveas", parameter="x-oss-process", expected=f"image/…|{ACTION},o_<key>[,b_<bucket>]"
        )
    given: dict[str, str] = {}
    for argument in arguments:
        letter, _, value = argument.partition("_")
        if letter not in ("o", "b") or letter in given:
            raise InvalidArgument(f"saveas: {argument[:80]!r}", parameter=letter[:40], expected="o_ and b_, each once")
        try:
            given[letter] = decode_base64(value)
        except ValueError as error:
            raise InvalidArgument(f"saveas: {letter}", parameter=letter, expected="URL-safe base64") from error
    if "o" not in given:
        raise MissingArgument("saveas needs o_", parameter="o", expected="URL-safe base64 of the new object's key")
    return SaveAs(process, Key.parse(given["o"], "o"), given.get("b"))
